"""python -m services.gateway"""

from services.gateway.wiring import SERVICE
from services.kit.boot import main

if __name__ == "__main__":
    main(SERVICE)
