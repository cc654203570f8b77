"""Which client the settings ask for."""

from refine_app.model_clients.builtin import BuiltinClient
from refine_app.model_clients.choose import ModelSettings, choose_client
from refine_app.model_clients.huggingface import HuggingFaceClient


def test_without_settings_the_built_in_rules_work() -> None:
    assert isinstance(choose_client(ModelSettings()), BuiltinClient)


def test_a_hugging_face_token_makes_its_model_the_default() -> None:
    client = choose_client(ModelSettings(hf_token="hf_x", hf_model="org/model"))
    assert isinstance(client, HuggingFaceClient)
    assert (client.endpoint, client.url, client.token) == ("huggingface/org/model", "", "hf_x")


def test_a_configured_endpoint_comes_first_and_does_not_get_the_hugging_face_token() -> None:
    client = choose_client(
        ModelSettings(hf_token="hf_x", hf_model="m", endpoint_url="https://models.example/v1", endpoint_model="mine")
    )
    assert isinstance(client, HuggingFaceClient)
    assert (client.endpoint, client.token) == ("models.example/mine", "")
