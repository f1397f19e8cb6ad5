#!/usr/bin/env python3
"""A mail server's first words, for stories: mail_server.py ADDRESS PORT WHAT [CERTIFICATE KEY].

WHAT: smtp (STARTTLS, AUTH only behind it), smtp-open (AUTH before it), imap, imap-open (no TLS at all), pop3-open,
silent (says and answers nothing)."""
import socket, ssl, sys, threading

address, port, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = None
if len(sys.argv) > 4:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])

GREETINGS = {"smtp": "220 mail.example ESMTP", "smtp-open": "220 mail.example ESMTP", "imap": "* OK ready",
             "imap-open": "* OK ready", "pop3-open": "+OK ready"}


def answer(line):
    word = line.upper().split()
    if what.startswith("smtp"):
        if word[:1] == ["EHLO"]:
            auth = "250-AUTH PLAIN LOGIN\r\n" if what == "smtp-open" else ""
            return "250-mail.example\r\n" + auth + "250-STARTTLS\r\n250 8BITMIME"
        return "220 go on" if word[:1] == ["STARTTLS"] and context else "500 what"
    if what.startswith("imap"):
        tag = line.split()[0] if line.split() else "*"
        if word[1:] == ["CAPABILITY"]:
            more = " STARTTLS LOGINDISABLED" if what == "imap" else " AUTH=PLAIN"
            return "* CAPABILITY IMAP4rev1" + more + "\r\n" + tag + " OK done"
        return tag + (" OK go on" if word[1:] == ["STARTTLS"] and context else " BAD what")
    return "+OK list\r\nUSER\r\n." if word == ["CAPA"] else "-ERR what"


def serve(connection):
    try:
        if what == "silent":
            while connection.recv(4096):
                pass
            return
        connection.sendall((GREETINGS[what] + "\r\n").encode())
        lines = connection.makefile("r", newline="\r\n")
        for line in lines:
            said = answer(line.strip())
            connection.sendall((said + "\r\n").encode())
            if "go on" in said:
                context.wrap_socket(connection, server_side=True).recv(1)
                return
    except (OSError, ValueError):
        pass
    finally:
        connection.close()


listener = socket.create_server((address, port))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
