"""Runs a program of the lessons on a reactor that is watched, either in the inspector::

    python docs/lessons/tools/watched.py docs/lessons/09_chat/server.py

or by a recorder, which writes each turn to a file: ``--record FILE``. The program has a function
``serve(reactor)``."""

import argparse
import runpy
import sys
from pathlib import Path

from protocols.inspector import inspect
from reactor import Reactor, Recorder

PORT = 8990


def main(options):
    sys.path.insert(0, str(Path(options.program).parent))
    sys.argv = [options.program, *options.arguments]
    program = runpy.run_path(options.program, run_name="watched")
    with Reactor() as reactor:
        program["serve"](reactor)
        if options.record:
            recorder = Recorder(options.record, payload=100)
            reactor.add_observer(recorder)
            reactor.run()
            recorder.close()
        else:
            with inspect(reactor, port=PORT, title=options.program) as inspector:
                print("inspect:", inspector.url)
                reactor.run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", metavar="FILE")
    parser.add_argument("program")
    parser.add_argument("arguments", nargs="*")
    main(parser.parse_args())
