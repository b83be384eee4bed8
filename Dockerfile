# One file for every service:  docker build --build-arg SERVICE=prices --tag cryptovault/prices:0.1.0 .
# SERVICE is one of auth, cache, gateway, prices, realtime. The probes are Kubernetes's, so there is no HEALTHCHECK.

ARG SERVICE

# The packages that this one service needs, exactly as locked.
FROM python:3.11-slim AS packages
ARG SERVICE
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /build
COPY pyproject.toml requirements.lock ./
RUN uv venv /opt/venv \
 && uv pip install --python /opt/venv --no-cache --compile-bytecode --require-hashes \
      --requirements pyproject.toml --extra "${SERVICE}" --constraints requirements.lock

# The dashboard, which only the gateway serves.
FROM node:20-slim AS dashboard
WORKDIR /build
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci
COPY frontend/ ./
RUN npm run build

# What all services share: Python without an installer, the kit, the stubs, and nobody to run as but a plain user.
FROM python:3.11-slim AS runtime
RUN pip uninstall --yes setuptools wheel pip \
 && rm -rf /usr/local/lib/python3.11/ensurepip
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app:/app/proto/gen \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app
COPY proto/gen/ proto/gen/
COPY services/__init__.py services/
COPY services/kit/ services/kit/
COPY --from=packages /opt/venv /opt/venv
USER 10001:10001
ENTRYPOINT ["python", "-m"]

FROM runtime AS auth
COPY services/auth/ services/auth/
CMD ["services.auth"]

FROM runtime AS cache
COPY services/cache/ services/cache/
CMD ["services.cache"]

FROM runtime AS gateway
COPY services/gateway/ services/gateway/
COPY --from=dashboard /build/dist frontend/dist/
CMD ["services.gateway"]

FROM runtime AS prices
COPY services/prices/ services/prices/
CMD ["services.prices"]

FROM runtime AS realtime
COPY services/realtime/ services/realtime/
CMD ["services.realtime"]

FROM ${SERVICE}
