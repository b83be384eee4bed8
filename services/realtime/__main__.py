"""Run the realtime service."""

from services.kit.boot import main
from services.realtime.wiring import SERVICE

if __name__ == "__main__":
    main(SERVICE)
