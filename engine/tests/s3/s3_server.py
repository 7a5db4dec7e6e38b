"""An S3 server for tests: moto on a port of the system's choice, which it prints.

One request at a time, because moto looks whether an object is there and writes it in two steps:
of two writers at once both may win a put-if-absent, which S3 rules out.
"""

import io
import logging
import sys
import threading

try:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server
except ImportError as error:
    print(error)
    sys.exit(1)

logging.getLogger("werkzeug").setLevel(logging.ERROR)
moto = DomainDispatcherApplication(create_backend_app)
turn = threading.Lock()


def in_turn(environ, start_response):
    # The body first: a slow sender holds up nobody else.
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    with turn:
        return list(moto(environ, start_response))


server = make_server("127.0.0.1", 0, in_turn, threaded=True)
print(f"http://127.0.0.1:{server.port}", flush=True)
server.serve_forever()
