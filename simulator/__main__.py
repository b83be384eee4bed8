"""python -m simulator"""

from simulator.wiring import main

if __name__ == "__main__":
    main()
