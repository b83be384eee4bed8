"""Which of a service's replicas gets a call.

addresses   what a service's address says: one server, a name of several, or a list of either
resolver    the addresses behind the names, asked for again and again
replica     one server: its channel, its breaker, its calls in flight
outliers    leaves out a replica at which far more calls fail than at the others
balancer    picks one of them, asks those in doubt how they are, and sees off those that have gone
"""
