# The servers run elsewhere (docker-compose.yml); this image holds the program only.

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /source
RUN python -m venv /opt/plumbline
# The locked libraries first: a change of our own code does not install them again.
COPY requirements.lock ./
RUN /opt/plumbline/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY ledger ledger
COPY projections projections
COPY replay replay
COPY connectors connectors
COPY reconciliation reconciliation
COPY streams streams
COPY webhooks webhooks
COPY api api
COPY service service
COPY client client
COPY migrations migrations
RUN /opt/plumbline/bin/pip install --no-deps --no-build-isolation .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home --home-dir /home/plumbline plumbline \
    && install --directory --owner plumbline --group plumbline --mode 0700 /var/lib/plumbline /var/backups/plumbline
COPY --from=build /opt/plumbline /opt/plumbline
ENV PATH=/opt/plumbline/bin:$PATH \
    PLUMBLINE_HOME=/var/lib/plumbline \
    PLUMBLINE_KERNEL_CACHE=/home/plumbline/kernel
USER plumbline
WORKDIR /home/plumbline
# The compiled kernel lies in the image, not in the volume: a backup is restored into one that is empty.
RUN python -m ledger.rules.warm
VOLUME /var/lib/plumbline
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s --retries=3 CMD ["plumbline", "status"]
ENTRYPOINT ["plumbline"]
EXPOSE 8700
CMD ["serve", "--host", "0.0.0.0"]
