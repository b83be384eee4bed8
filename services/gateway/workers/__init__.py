"""Several processes that serve on the same ports (SO_REUSEPORT), each a replica in its own right.

supervisor  starts the workers, replaces those that end, stops them with the service
worker      one worker, as the supervisor sees it: a process, and two pipes
lifeline    the worker's end of the pipes: signs of life, and the supervisor's end as a reason to stop
wiring      what a worker runs
"""
