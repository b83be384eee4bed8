"""python -m services.gateway.workers: one worker, as the supervisor starts it."""

from services.gateway.workers.wiring import WORKER
from services.kit.boot import main

if __name__ == "__main__":
    main(WORKER)
