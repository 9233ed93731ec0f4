"""Backups: the database by pg_dump, uploaded files and trained models by their hashes, a manifest that tells what belongs together.

FOLDER/files/ab/cd/abcd…      every file once, shared by all backups in FOLDER
FOLDER/20261126T180000Z/      database.dump, files.tsv, models.tsv, manifest.json
"""
