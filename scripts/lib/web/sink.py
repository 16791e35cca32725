"""A mail server for tests: keeps every message, refuses some addresses. Prints its port.

sink.py FILE [CERTIFICATE KEY]: with a certificate it takes nothing before STARTTLS.
"""

import asyncio
import email
import json
import logging
import ssl
import sys

from aiosmtpd.smtp import SMTP


class Sink:
    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8")
        self.put_off = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused"):
            return "550 no such mailbox"
        # Greylisting: the first attempt is put off.
        if address.startswith("later") and address not in self.put_off:
            self.put_off.add(address)
            return "451 try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content)
        body = message.get_payload(decode=True).decode("utf-8")
        line = {"tls": session.ssl is not None, "to": envelope.rcpt_tos, "headers": [[k.lower(), str(v)] for k, v in message.items()], "body": body}
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()
        return "250 OK"


async def main():
    sink = Sink(sys.argv[1])
    options = {"hostname": "sink.test"}
    if len(sys.argv) > 2:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        # Clients that do not trust it are expected.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        options |= {"tls_context": context, "require_starttls": True}
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(sink, **options), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
