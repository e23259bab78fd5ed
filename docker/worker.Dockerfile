# A worker: a Python, what candidates may import, and the service's code for jails; no shell, no tools, no package manager.
# docker/build.sh builds it. The base image only lends its Python; any with `python3` and `venv` will do.
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS packed
ARG PACKAGES=""
ARG LABEL=""
ARG PIP_OPTIONS=""
COPY wheels /wheels
RUN python3 -m venv /build \
 && /build/bin/pip install --no-cache-dir --find-links /wheels ${PIP_OPTIONS} packaging pytest ${PACKAGES} \
 && /build/bin/pip install --no-cache-dir --no-deps /wheels/neurosymbolic_verifier-*.whl
RUN /build/bin/python -m sandboxes.isolation.docker_image pack /packed.tar --label "${LABEL}" ${PACKAGES} \
 && mkdir /packed \
 && tar --extract --file /packed.tar --directory /packed

FROM scratch
COPY --from=packed /packed/ /
ENV PYTHONHASHSEED=0 PYTHONUTF8=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
ENV PYTHONPATH=/verifier:/verifier/packages
ENTRYPOINT ["/verifier/python", "-s", "-S", "-P", "-B"]
