# The service, which makes its jails inside of this container with bubblewrap. docker/build.sh builds it.
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE}
ARG PIP_OPTIONS=""
COPY wheels /wheels
RUN python3 -m venv /srv/verifier \
 && /srv/verifier/bin/pip install --no-cache-dir --find-links /wheels ${PIP_OPTIONS} "neurosymbolic-verifier[server,docker,lean]" \
 && rm -rf /wheels
RUN mkdir --mode 0700 /var/lib/verifier && chown 10001:10001 /var/lib/verifier
ENV PATH=/srv/verifier/bin:$PATH VERIFIER_ADDRESS=0.0.0.0:50051 VERIFIER_STORE_PATH=/var/lib/verifier/verdicts.sqlite \
    VERIFIER_LEAN_CACHE=/var/lib/verifier/lean
USER 10001:10001
VOLUME /var/lib/verifier
EXPOSE 50051
ENTRYPOINT ["verifier"]
CMD ["serve"]
