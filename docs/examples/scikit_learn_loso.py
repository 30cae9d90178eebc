"""A scikit-learn pipeline, leaving one person out.

::

    mepipe sample S && mepipe run S --out out --until pack
    python docs/examples/scikit_learn_loso.py out/features.h5

`Features.loso` is what scikit-learn takes as ``cv=``. Scaling and the principal
components stand inside the pipeline, so both are fitted again on the training
people of each fold. UF1 and UAR are computed once, from the counts of all folds:
means over folds of one person each are other, wrong figures.
"""

import sys

from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import mepipe
from mepipe import metrics

# Splits hold clips with a class and a known person, so the rest are left out first.
features = mepipe.load(*sys.argv[1:]).labelled()
x = features.x.reshape(len(features), -1)  # (N, 3 * S * S)

model = make_pipeline(
    StandardScaler(), PCA(0.95), SVC(kernel="linear", class_weight="balanced", C=0.1)
)
predicted = cross_val_predict(model, x, features.y, cv=features.loso())

counts = metrics.confusion(features.y, predicted, len(features.classes))  # rows: truth
floor = metrics.largest_class(counts)
print(f"{len(features)} clips of {len(set(features.group))} people, {features.classes}")
print(counts)
print(f"UF1 {metrics.uf1(counts):.3f}, UAR {metrics.uar(counts):.3f}")
print(f"always the largest class: UF1 {metrics.uf1(floor):.3f}, UAR {metrics.uar(floor):.3f}")
