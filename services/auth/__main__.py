"""Run the auth service."""

from services.auth.wiring import SERVICE
from services.kit.boot import main

if __name__ == "__main__":
    main(SERVICE)
