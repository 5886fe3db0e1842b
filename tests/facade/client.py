"""A client of the portal as hospitals write them in Python: `requests`, a session kept alive, a login for each facility.

    python3 client.py http://HOST:PORT < calls.json > answers.json

Each call names its function, its family (where its credentials go), its path, and its fields. Tokens are put in here, as
is what an earlier answer gave: `@receipt` the last transaction code, `@visit` the number of the last visit told.
"""

import base64
import hashlib
import json
import sys

import requests

PATIENCE = 60  # seconds; far above what a sound server needs


class Portal:
    def __init__(self, base, username, password):
        self.base, self.username = base, username
        self.password = hashlib.md5(password.encode()).hexdigest()
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy of the machine stands between
        self.token = self.id_token = None

    def post(self, path, **kwargs):
        return self.session.post(self.base + path, timeout=PATIENCE, **kwargs)

    def log_in(self):
        answer = self.post("/api/token/take", data={"username": self.username, "password": self.password})
        key = answer.json()["APIKey"]
        self.token, self.id_token = key["access_token"], key["id_token"]
        return answer

    def credentials(self):
        return {"token": self.token, "id_token": self.id_token, "username": self.username, "password": self.password}

    def headers(self):
        return {"accessToken": self.token, "tokenId": self.id_token, "passwordHash": self.password}

    def call(self, call):
        family, path, query, fields = call["family"], call["path"], call["query"], call["fields"]
        if family == "login":
            return self.log_in()
        if family == "query":
            query = {**self.credentials(), **query}
            if "file" in call:
                return self.post(path, params=query, json=list(base64.b64decode(call["file"])))
            if not fields:
                return self.post(path, params=query)
            return self.post(path, params=query, **self.written(call, fields))
        if family == "headers":
            fields = {"username": self.username, **fields}
            return self.post(path, headers=self.headers(), **self.written(call, fields))
        if family == "body":
            return self.post(path, **self.written(call, {**self.credentials(), **fields}))
        if family == "account":
            headers = {"Username": self.username, "Password": self.password}
            return self.post(path, headers=headers, **self.written(call, fields))
        raise ValueError(family)

    @staticmethod
    def written(call, fields):
        return {"json": fields} if call["encoding"] == "json" else {"data": fields}


def main():
    base, task = sys.argv[1], json.load(sys.stdin)
    portals = {place: Portal(base, *account) for place, account in task["accounts"].items()}
    for portal in portals.values():
        portal.log_in()
    known, answers = {}, []
    for call in task["calls"]:
        call["query"] = {name: known.get(value, value) for name, value in call["query"].items()}
        answer = portals[call["facility"]].call(call)
        answers.append(
            {
                "function": call["function"],
                "status": answer.status_code,
                "headers": [[name.lower(), value] for name, value in answer.headers.items()],
                "body": base64.b64encode(answer.content).decode(),
                "kept": answer.headers.get("connection", "").lower() != "close",
            }
        )
        reply = answer.json() if answer.headers.get("content-type", "").startswith("application/json") else {}
        if reply.get("maGiaoDich"):
            known["@receipt"] = reply["maGiaoDich"]
        if reply.get("dsLichSuKCB2025"):
            known["@visit"] = reply["dsLichSuKCB2025"][0]["maHoSo"]
    json.dump(answers, sys.stdout)


main()
