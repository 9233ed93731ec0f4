"""The least that makes each model whole; a test names only what it is about."""

import factory
from django.contrib.auth.hashers import make_password
from django.core.files.base import ContentFile
from factory.django import DjangoModelFactory

from apps.accounts.models import User
from apps.corpora.models import Corpus, Document, DocumentText, Kind, Passage, StoredFile
from apps.ingestion.models import Job, JobItem

PASSWORD = "correct horse battery"


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User

    username = factory.Sequence("person-{}".format)
    password = factory.LazyFunction(lambda: make_password(PASSWORD))
    role = User.Role.MANAGER

    class Params:
        analyst = factory.Trait(role=User.Role.ANALYST)
        admin = factory.Trait(role=User.Role.ADMIN)


class CorpusFactory(DjangoModelFactory):
    class Meta:
        model = Corpus
        skip_postgeneration_save = True

    name = factory.Sequence("Corpus {}".format)
    slug = factory.Sequence("corpus-{}".format)
    kind = Kind.REPORT

    @factory.post_generation
    def members(self: Corpus, create: bool, extracted: list[User] | None, **_: object) -> None:
        if create and extracted:
            self.members.set(extracted)


class DocumentFactory(DjangoModelFactory):
    class Meta:
        model = Document

    corpus = factory.SubFactory(CorpusFactory)
    kind = factory.SelfAttribute("corpus.kind")
    title = factory.Sequence("Document {}".format)
    fingerprint = factory.Sequence("{:064x}".format)


class PassageFactory(DjangoModelFactory):
    class Meta:
        model = Passage

    document = factory.SubFactory(DocumentFactory)
    corpus = factory.SelfAttribute("document.corpus")
    kind = factory.SelfAttribute("document.kind")
    published_at = factory.SelfAttribute("document.published_at")
    hazards = factory.SelfAttribute("document.hazards")
    places = factory.SelfAttribute("document.places")
    event = factory.SelfAttribute("document.event")
    language = factory.SelfAttribute("document.language")
    publisher = factory.SelfAttribute("document.publisher")
    position = factory.Sequence(int)
    text = "The levee at Crake Hollow failed at dawn."
    start = 0
    end = factory.LazyAttribute(lambda passage: passage.start + len(passage.text))
    tokens = factory.LazyAttribute(lambda passage: len(passage.text.split()))


class DocumentTextFactory(DjangoModelFactory):
    class Meta:
        model = DocumentText

    document = factory.SubFactory(DocumentFactory)
    text = "The levee at Crake Hollow failed at dawn."


class JobFactory(DjangoModelFactory):
    class Meta:
        model = Job

    corpus = factory.SubFactory(CorpusFactory)


class JobItemFactory(DjangoModelFactory):
    """An item with a real stored file, whose bytes are `content`."""

    class Meta:
        model = JobItem

    class Params:
        content = b"The levee at Crake Hollow failed at dawn."

    job = factory.SubFactory(JobFactory)
    name = factory.Sequence("report-{}.txt".format)
    kind = factory.SelfAttribute("job.corpus.kind")
    source = factory.LazyAttribute(lambda item: StoredFile.objects.keep(ContentFile(item.content))[0])
