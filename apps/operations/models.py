from django.db import models


class Backup(models.Model):
    """A backup that was made: the status page tells how old the last one is."""

    made_at = models.DateTimeField()
    place = models.CharField(max_length=500, help_text="The folder, as the machine that made it calls it.")
    database_bytes = models.BigIntegerField()
    files = models.PositiveIntegerField()
    took_s = models.FloatField()

    class Meta:
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return f"{self.place}, {self.made_at:%Y-%m-%d %H:%MZ}"
