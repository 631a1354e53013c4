"""The real FHIR server, where the acceptance tests find it."""

from tests.fhir_server import fhir_server, mortal_fhir_server

__all__ = ["fhir_server", "mortal_fhir_server"]
