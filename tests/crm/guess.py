"""Guess anna's password over HTTP's door, without HTTP: `python -m tests.crm.guess COUNT` (test_signin.py)."""

import sys

import django


def main():
    django.setup()
    from django.test import Client

    for number in range(int(sys.argv[1])):
        answer = Client(headers={"Host": "localhost"}).post("/accounts/login/", {"login": "anna", "password": f"guess {number}"})
        sys.stdout.write("locked\n" if "Too many" in answer.content.decode() else "tried\n")


if __name__ == "__main__":
    main()
