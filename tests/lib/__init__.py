"""The harness of every test that needs more than one process.

wait.py        wait_until: conditions with deadlines, never sleeps
procs.py       child processes that can't outlive their test; free ports
kafka_jars.py  Apache Kafka from Maven Central, fetched once
clusters.py    two clusters with replication: embedded or real, one interface
rest.py        JSON over HTTP
world.py       all of it together with the route service and the mapper
failures.py    what failed, in few words, for the end of a long output
selftest.py    tests of the above and of shunt-sandbox

It knows how to start, kill and ask the parts; what they ought to do is known
by tests/stories alone.  Standard library only, Python 3.11."""
