from enum import StrEnum


class Language(StrEnum):
    ENGLISH = "en"
    INDONESIAN = "id"
