# %% [markdown]
# From videos to features, a model and pictures, in one script. Jupyter (with jupytext), VS Code,
# Spyder and PyCharm open it as a notebook: `# %%` begins a cell. `python first_study.py` runs it
# from end to end, in some minutes. What you see below each cell is what it printed.
#
# It needs `pip install 'mepipe[train,sample]'` and writes into the current folder.

# %% [markdown]
# ## Videos
#
# With videos of your own, leave this cell out: a folder for each person, with a video for each
# clip. Here mepipe makes clips of 4 people from one photograph. They show how to work, and say
# nothing about people.

# %%
import csv
import subprocess
import sys
from pathlib import Path

import cv2

import mepipe

made, videos = Path("made"), Path("videos")
command = [sys.executable, "-m", "mepipe", "sample", str(made), "--subjects", "4", "--clips", "3"]
subprocess.run(command, check=True, capture_output=True)
for clip in sorted(made.glob("s*/c*")):
    target = videos / clip.parent.name / f"{clip.name}.avi"
    target.parent.mkdir(parents=True, exist_ok=True)
    frames = [cv2.imread(str(path)) for path in sorted(clip.glob("*.jpg"))]
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"MJPG"), 200, (width, height))
    for frame in frames:
        writer.write(frame)
    writer.release()
print(len(list(videos.glob("*/*.avi"))), "videos")

# %% [markdown]
# ## Labels
#
# A `labels.csv` beside the folders gives the emotion of each clip. Onset, apex and offset may stand
# there too. Without them, mepipe finds them from the motion.

# %%
with (made / "labels.csv").open(newline="") as file:
    known = {(row["subject"], row["clip"]): row["emotion"] for row in csv.DictReader(file)}
with (videos / "labels.csv").open("w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["subject", "clip", "emotion"])
    table.writerows([subject, clip, emotion] for (subject, clip), emotion in known.items())
found = mepipe.check(videos)
print(found.usable, "of", found.clips, "clips can be read;", found.labels)

# %% [markdown]
# ## Features
#
# `until="pack"` ends with the features and trains nothing. What is finished is kept in a cache: run
# this cell again, and it computes nothing.

# %%
result = mepipe.run(videos, out="study", until="pack")
for failure in result.failures:
    print(failure.clip, failure.message, failure.remedy)
features = result.load()
print(features.x.shape, "clips, channels, height, width:", ", ".join(features.channels))
print(features.table[["clip", "label", "onset", "apex", "offset"]].head(4).to_string(index=False))

# %% [markdown]
# ## One clip
#
# `mepipe.extract` gives everything of one clip: key frames, flow in px of the aligned face, strain.

# %%
one = mepipe.extract(videos / "s01" / "c01.avi")
print("onset", one.onset, "apex", one.apex, "offset", one.offset, "movement", one.movement)
print("flow", one.flow.shape, "strain", one.strain.shape)
overlay = mepipe.viz.flow_colours(one.flow, largest=1.0)
cv2.imwrite("flow.png", overlay[..., ::-1])

# %% [markdown]
# ## How good is a model on people it has not seen?
#
# Leave one person out. The figures are of counts pooled over all folds. These clips are easy and of
# four made people: such figures only show that the software works.

# %%
svm = mepipe.evaluate("study/features.h5", "svm", seeds=1, out="svm")
print(f"UF1 {svm.uf1:.2f}, UAR {svm.uar:.2f}")

# %% [markdown]
# ## A model, and its answer on a video
#
# Train on all clips, and ask about one. Do not report a figure of such answers: the model has seen
# this person.

# %%
model = mepipe.train("study/features.h5", "model.safetensors", settings=["train.epochs=30"])
predictor = mepipe.Predictor("model.safetensors")
answer = predictor.clip(videos / "s02" / "c01.avi")
print(answer.label, {name: round(float(p), 1) for name, p in answer.probabilities.items()})
Path("answer.png").write_bytes(answer.png() or b"")
