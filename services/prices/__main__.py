"""python -m services.prices"""

from services.kit.boot import main
from services.prices.wiring import SERVICE

main(SERVICE)
