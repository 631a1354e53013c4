"""The names that the rules know: what the knowledge files must define, exactly."""

from __future__ import annotations

FILES = ("recommendations", "evidence", "agents", "products", "observations", "conditions", "policy")
GRADES = frozenset({"D", "√"})
RECOMMENDATIONS = frozenset(
    {
        "rec-1",
        "rec-2",
        "rec-2a",
        "rec-2b",
        "rec-3",
        "rec-3a",
        "rec-4",
        "rec-5",
        "rec-6",
        "rec-7",
        "rec-8",
        "rec-9",
        "rec-10",
    }
)
RISK_FACTORS = frozenset({"ferritin-over-1000", "ferritin-over-500", "crp-over-1", "age-over-60"})
ROLES = frozenset(
    {"glucocorticoid", "immunosuppressant", "completing", "add-on", "rec-8", "rec-9", "rec-10", "biologic", "pulse"}
)
SUGGESTED = frozenset({"glucocorticoid", "completing", "add-on"})
CAUTIONS = frozenset(
    {"fertility", "embryopathy", "biologic-combination", "viral-infection", "without-cni", "dose-reading"}
)
ROUTES = frozenset({"oral", "iv", "sc", "im"})
PRODUCT_ROUTES = ROUTES | {"local", ""}
UNITS = frozenset({"mg", "mg/day", "mg/week", "mg/kg", "mg/kg/day", "mg/m2"})
AGENTS = frozenset(
    {
        "prednisone",
        "prednisolone",
        "methylprednisolone",
        "dexamethasone",
        "hydrocortisone",
        "deflazacort",
        "cyclosporine",
        "tacrolimus",
        "cyclophosphamide",
        "mycophenolate-mofetil",
        "mycophenolic-acid",
        "rituximab",
        "basiliximab",
        "tofacitinib",
        "baricitinib",
        "upadacitinib",
        "ruxolitinib",
        "immunoglobulin",
        "azathioprine",
        "methotrexate",
        "leflunomide",
        "infliximab",
        "adalimumab",
        "etanercept",
        "golimumab",
        "certolizumab-pegol",
        "tocilizumab",
        "sarilumab",
        "abatacept",
        "anakinra",
        "belimumab",
        "pirfenidone",
    }
)
REGIMENS = frozenset(
    {
        "prednisone-oral",
        "prednisolone-oral",
        "methylprednisolone-pulse",
        "cyclosporine",
        "tacrolimus",
        "cyclophosphamide-iv",
        "mycophenolate",
        "rituximab-weekly",
        "rituximab-two-doses",
        "basiliximab",
        "tofacitinib",
        "ivig",
        "azathioprine",
        "leflunomide",
        "methotrexate",
        "infliximab",
        "pirfenidone",
    }
)
OBSERVATIONS = frozenset(
    {
        "ferritin",
        "crp",
        "kl-6",
        "anti-mda5",
        "a-a-gradient",
        "pao2",
        "paco2",
        "fio2",
        "pf-ratio",
        "spo2",
        "weight",
        "height",
        "egfr",
        "tacrolimus-level",
        "cyclosporine-level",
        "pregnancy-status",
        "pregnancy-intention",
        "hcg",
        "hbsag",
        "anti-hbc",
        "tb-igra",
        "cmv-dna",
        "beta-d-glucan",
        "hrct",
        "pft",
        "respiratory-symptoms",
        "imaging",
        "clinician-impression",
    }
)
CONDITIONS = frozenset(
    {
        "dermatomyositis",
        "cadm",
        "ild",
        "rpild",
        "infection",
        "pregnancy",
        "lung-transplant",
        "awaiting-lung-transplant",
        "sterilised",
        "postmenopausal",
        "cni-toxicity",
        "home-oxygen",
        "hepatitis-b",
        "latent-tb",
    }
)
PROCEDURES = frozenset(
    {
        "ecmo",
        "pmx-hemoperfusion",
        "plasmapheresis",
        "invasive-ventilation",
        "lung-transplant",
        "transplant-evaluation",
        "hrct",
        "pft",
        "sterilised",
    }
)
SERVICES = frozenset(
    {
        "transplant-referral",
        "transplant-evaluation",
        "anti-mda5-test",
        "hrct",
        "pft",
        "tacrolimus-level",
        "cyclosporine-level",
        "home-oxygen",
    }
)
