"""Backups: the database by pg_dump, the uploaded files by their hashes, and a manifest that tells what belongs together.

FOLDER/files/ab/cd/abcd…      every stored file once, shared by all backups in FOLDER
FOLDER/20261126T180000Z/      database.dump, files.tsv, manifest.json
"""
