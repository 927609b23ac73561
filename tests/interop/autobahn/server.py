# Python 2.7. Starts the Autobahn suite's fuzzing server on loopback.
#
#   server.py PORT GROUP... : serves the cases of these groups; reports go to `reports` in the current folder.
#
# The suite's own command listens on every interface with a backlog of 50; this one listens on 127.0.0.1 only, and
# with room for several cases at a time.
import sys

from autobahntestsuite import choosereactor  # first: it installs the reactor
from autobahntestsuite import fuzzing
from twisted.internet import reactor

PORT = int(sys.argv[1])


def listen(factory, contextFactory=None):
    return reactor.listenTCP(PORT, factory, backlog=1024, interface="127.0.0.1")


fuzzing.listenWS = listen
fuzzing.startServer(
    {
        "url": "ws://127.0.0.1:%d" % PORT,
        "outdir": "reports",
        "cases": [group + ".*" for group in sys.argv[2:]],
        "exclude-cases": [],
        "exclude-agent-cases": {},
    },
    0,
)
reactor.run()
