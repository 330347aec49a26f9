"""The executor for several machines, on Ray.

The coordinator starts one process, Ray's driver, and talks to it through a pipe; the workers talk to the driver through
Ray. So nothing of Ray is in the process of the user's program, neither its threads and signal handlers nor what it
prints. The coordinator alone writes the run's folder.

    coordinator  pool.py    hands out shards with their newest states; keeps states, notes and results
    driver       driver.py  starts a cluster or connects to one; passes messages on
    worker       worker.py  trains a shard, on any machine of the cluster
"""
