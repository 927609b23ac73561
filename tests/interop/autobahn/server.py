# Python 2.7. Starts the Autobahn suite's fuzzing server on loopback.
#
#   server.py PORT COUNT : serves every case; reports go to `reports` in the current folder. The cases of groups 12
#   and 13 send COUNT messages each; 1000 is what the suite means, and takes half an hour.
#
# The suite's own command listens on every interface with a backlog of 50; this one listens on 127.0.0.1 only, and
# with room for several cases at a time.
import sys

from autobahntestsuite import choosereactor  # first: it installs the reactor
from autobahntestsuite import fuzzing
from autobahntestsuite.case import Cases
from twisted.internet import reactor

PORT, COUNT = int(sys.argv[1]), int(sys.argv[2])

for case in Cases:
    if hasattr(case, "COUNT") and hasattr(case, "TESTDATA"):
        case.COUNT = COUNT


def listen(factory, contextFactory=None):
    return reactor.listenTCP(PORT, factory, backlog=1024, interface="127.0.0.1")


fuzzing.listenWS = listen
fuzzing.startServer(
    {
        "url": "ws://127.0.0.1:%d" % PORT,
        "outdir": "reports",
        "cases": ["*"],
        "exclude-cases": [],
        "exclude-agent-cases": {},
    },
    0,
)
reactor.run()
