import pytest

from apps.retrievers.intents import Intent, instruct, instruction

# Letter for letter what the published checkpoints were trained with. A change here is a bug.
GOLDEN = {
    "QA": "Given the question, retrieve most relevant passage that best answers the question",
    "QAdoc": "Given the question, retrieve the most relevant document that answers the question",
    "Twitter": "Given the user query, retrieve the most relevant Twitter text that meets the request",
    "FactCheck": "Given the claim, retrieve most relevant document that supports or refutes the claim",
    "NLI": "Given the premise, retrieve most relevant hypothesis that is entailed by the premise",
    "STS": "Given the sentence, retrieve the sentence with the same meaning",
}


class TestInstructions:
    def test_are_the_six_of_the_training_data(self):
        assert {str(intent): instruction(intent) for intent in Intent} == GOLDEN

    @pytest.mark.parametrize("intent", Intent)
    def test_stand_before_the_query_with_a_colon(self, intent):
        assert instruct(" Which levees failed? ", intent) == f"{GOLDEN[intent]}: Which levees failed?"

    def test_an_intent_is_named_as_in_the_files(self):
        assert Intent("QAdoc") is Intent.QADOC
