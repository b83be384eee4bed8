"""python -m services.cache"""

from services.cache.wiring import SERVICE
from services.kit.boot import main

main(SERVICE)
