# mepipe on the CPU, from Debian's Python: docs/install.md says how to use it.
#   docker build -t mepipe .
#   docker run --rm -v "$PWD":/data -v mepipe-cache:/cache mepipe run /data/videos --out /data/out
FROM debian:bookworm-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-venv ca-certificates \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
RUN python3 -m venv /opt/mepipe
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# torch first, in a layer of its own: it is the largest, and changes least.
COPY constraints.txt ./
RUN /opt/mepipe/bin/pip install -c constraints.txt \
    --extra-index-url https://download.pytorch.org/whl/cpu torch
COPY pyproject.toml README.md LICENSE ./
COPY landmarks ./landmarks
COPY mepipe ./mepipe
RUN /opt/mepipe/bin/pip install -c constraints.txt '.[train,sample,elan]'

FROM debian:bookworm-slim
# Fonts: names in any script are drawn into pictures.
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 fonts-dejavu-core fonts-noto-cjk \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 mepipe \
 && mkdir /cache /data && chown mepipe /cache /data
COPY --from=build /opt/mepipe /opt/mepipe
ENV PATH=/opt/mepipe/bin:$PATH MEPIPE_CACHE=/cache/store XDG_CACHE_HOME=/cache/user
USER mepipe
# The cache holds finished work and the compiled flow engine: keep it between containers.
VOLUME /cache
WORKDIR /data
ENTRYPOINT ["mepipe"]
CMD ["--help"]
