"""Owns the made-up names of people, departments and web sites; every domain lies under ``.example`` (RFC 2606)."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = _words(
    "amara anton aylin bela bruno carla chidi dalia david elif emeka erik esther farah felix fiona gita goran "
    "hana hugo ilse imran ines ivan jana jonas joy kadri kofi lars leila lena luca maja malik maria marta mei "
    "milan mina nadia niko nora olga omar orla pavel petra priya rafa rana remy rosa ruben sami sara selim sofia "
    "tariq tess tomas uma vera viktor wanda yara yusuf zane zoe"
)
LAST_NAMES = _words(
    "abara adler aksoy almeida andersen baker balogun barros becker benali berg bianchi blom boateng brandt "
    "castro cerny chandra conti cruz dahl danso demir diallo dubois ekman eze falk ferrari fischer fontaine "
    "garcia gomez grant haas hansen hassan holm horvat ibarra iyer jansen kaya keller khan klein kovac kumar lang "
    "larsen lindqvist lopez marin mbeki meyer mora moreau nagy navarro neumann nielsen novak okafor oliveira osei "
    "park patel pereira petrov quist rahman reyes ricci rossi sandoval sato schmitt silva sorensen suarez tanaka "
    "thomsen torres ueda vargas vogel weber wolff yilmaz zhang ziegler"
)
DEPARTMENTS = ("finance", "sales", "engineering", "people", "operations", "legal", "support")

_SITE_FIRST = _words(
    "amber birch bright cedar clear cobalt coral daily delta ember fable field first fjord forge garnet golden "
    "grand green harbor hazel iron ivory jade juniper keen lantern linden lumen maple marble meadow metro mosaic "
    "nimbus noble north oak onyx open orchard osprey pearl pine prime quarry quick raven red river rowan saffron "
    "sage silver slate solar spruce summit swift terra tidal union upper velvet vivid west willow winter"
)
_SITE_SECOND = _words(
    "atlas bank base beacon board books bridge cargo charts city cloud craft desk dispatch drive exchange express "
    "feed files forum gallery gazette grid guide health hub index jobs journal kitchen labs learn ledger letters "
    "library logic market media meet mill music news notes office outlet page parcel pay photo play post press "
    "radio report review school shop signal sky social sports stack store stream studio supply tickets times "
    "tools trade travel tribune video vista voice watch weather wiki works"
)
SITE_KINDS = ("www", "www", "www", "app", "static", "api", "img", "m")
MAX_SITES = len(_SITE_FIRST) * len(_SITE_SECOND)

DOCUMENT_WORDS = _words("budget forecast minutes offer contract plan roster invoice draft survey")
DOCUMENT_SUFFIXES = _words("xlsx docx pptx pdf csv msg")

BOT_LOGINS = _words(
    "root admin test user ubuntu oracle postgres git deploy guest support ftp www backup nagios minecraft pi "
    "hadoop jenkins steam mysql dev student tomcat es"
)


def site_name(index: int) -> str:
    """The name of the ``index``-th web site (below :data:`MAX_SITES`); neighbours share no word."""
    first = _SITE_FIRST[index % len(_SITE_FIRST)]
    second = _SITE_SECOND[(index // len(_SITE_FIRST) + 7 * index) % len(_SITE_SECOND)]
    return f"{first}{second}.example"
