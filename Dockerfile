# docker build -t callerdesk-connector .
# docker run -p 127.0.0.1:8000:8000 -v /etc/callerdesk-connector:/config:ro -v connector-data:/data --env-file … callerdesk-connector
# /config holds manifest.yaml and mappings/; /data holds the SQLite file. Secrets come when it is run, none are inside.
FROM python:3.11-slim

RUN useradd --system --uid 10001 --create-home --home-dir /data connector

WORKDIR /src
COPY setup.cfg pyproject.toml README.md ./
COPY connector connector
RUN pip install --no-cache-dir ".[postgres]" && rm -rf /src

USER connector
WORKDIR /data
VOLUME /data
ENV CONNECTOR_MANIFEST=/config/manifest.yaml \
    DATABASE_URL=sqlite:////data/connector.db
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=3)"]
CMD ["connector", "serve", "--host", "0.0.0.0"]
