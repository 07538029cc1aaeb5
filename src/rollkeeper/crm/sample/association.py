"""What the sample association is made of: places and chapters, membership levels, events, funds, interests.

The Continental Society of Bridge Engineers does not exist; its addresses are in domains reserved for examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

# City, state, beginning of the ZIP code, share of the members.
CITIES: tuple[tuple[str, str, str, float], ...] = (
    ("Los Angeles", "CA", "900", 5.2), ("San Francisco", "CA", "941", 3.4), ("Sacramento", "CA", "958", 1.4),
    ("Houston", "TX", "770", 4.0), ("Dallas", "TX", "752", 2.9), ("Austin", "TX", "787", 1.9),
    ("New York", "NY", "100", 5.4), ("Buffalo", "NY", "142", 1.0), ("Albany", "NY", "122", 0.7),
    ("Miami", "FL", "331", 2.7), ("Tampa", "FL", "336", 2.0), ("Orlando", "FL", "328", 1.2),
    ("Chicago", "IL", "606", 4.0), ("Springfield", "IL", "627", 0.5), ("Philadelphia", "PA", "191", 2.5),
    ("Pittsburgh", "PA", "152", 1.9), ("Columbus", "OH", "432", 1.6), ("Cleveland", "OH", "441", 1.5),
    ("Atlanta", "GA", "303", 2.8), ("Charlotte", "NC", "282", 1.6), ("Raleigh", "NC", "276", 1.3),
    ("Detroit", "MI", "482", 2.1), ("Newark", "NJ", "071", 2.2), ("Arlington", "VA", "222", 2.4),
    ("Seattle", "WA", "981", 2.6), ("Phoenix", "AZ", "850", 1.8), ("Boston", "MA", "021", 2.7),
    ("Nashville", "TN", "372", 1.3), ("Indianapolis", "IN", "462", 1.3), ("Kansas City", "MO", "641", 1.1),
    ("Baltimore", "MD", "212", 1.9), ("Milwaukee", "WI", "532", 1.1), ("Denver", "CO", "802", 1.9),
    ("Minneapolis", "MN", "554", 1.5), ("Charleston", "SC", "294", 0.9), ("Birmingham", "AL", "352", 0.8),
    ("New Orleans", "LA", "701", 0.9), ("Louisville", "KY", "402", 0.8), ("Portland", "OR", "972", 1.3),
    ("Oklahoma City", "OK", "731", 0.7), ("Hartford", "CT", "061", 0.9), ("Salt Lake City", "UT", "841", 0.8),
    ("Des Moines", "IA", "503", 0.6), ("Las Vegas", "NV", "891", 0.6), ("Little Rock", "AR", "722", 0.4),
    ("Wichita", "KS", "672", 0.4), ("Albuquerque", "NM", "871", 0.4), ("Omaha", "NE", "681", 0.4),
    ("Boise", "ID", "837", 0.3), ("Honolulu", "HI", "968", 0.4), ("Manchester", "NH", "031", 0.3),
    ("Portland", "ME", "041", 0.3), ("Providence", "RI", "029", 0.3), ("Billings", "MT", "591", 0.2),
    ("Anchorage", "AK", "995", 0.2), ("Burlington", "VT", "054", 0.15), ("Cheyenne", "WY", "820", 0.1),
)  # fmt: skip

# City, country, language of most names there.
ABROAD: tuple[tuple[str, str, str], ...] = (
    ("Toronto", "Canada", "en"), ("London", "United Kingdom", "en"), ("Ciudad de México", "México", "es-mx"),
    ("Madrid", "España", "es"), ("Montréal", "Canada", "fr"),
    ("Paris", "France", "fr"), ("München", "Deutschland", "de"),
    ("Zürich", "Schweiz", "de"), ("Milano", "Italia", "it"),
    ("São Paulo", "Brasil", "pt-br"), ("Rotterdam", "Nederland", "nl"),
    ("Göteborg", "Sverige", "sv"), ("Łódź", "Polska", "pl"),
    ("Brno", "Česko", "cs"), ("Győr", "Magyarország", "hu"),
    ("İstanbul", "Türkiye", "tr"), ("Reykjavík", "Ísland", "is"),
    ("Αθήνα", "Ελλάδα", "el"), ("Алматы", "Қазақстан", "ru"),
    ("Київ", "Україна", "uk"), ("القاهرة", "مصر", "ar-eg"), ("תל אביב", "ישראל", "he"), ("मुंबई", "भारत", "hi"),
    ("上海", "中国", "zh"), ("東京", "日本", "ja"), ("서울", "대한민국", "ko"),
)  # fmt: skip
SHARE_ABROAD = 0.05  # of people with an English name
SHARE_ABROAD_OTHER = 0.30  # of people with a name of another language
INTERNATIONAL = "International"  # the chapter of those abroad


@dataclass(frozen=True, slots=True)
class Level:
    """A membership level, its share of the members, the share of terms that renew by themselves.

    Its members joined between `years[0]` and `years[1]` years ago, most of them nearer to the first.
    """

    code: str
    name: str
    share: float
    auto_renew: float
    years: tuple[int, int]


LEVELS = (
    Level("REG", "Regular", 0.52, 0.45, (0, 35)),
    Level("STU", "Student", 0.14, 0.10, (0, 4)),
    Level("YP", "Young Professional", 0.12, 0.35, (0, 9)),
    Level("FEL", "Fellow", 0.06, 0.70, (10, 38)),
    Level("RET", "Retired", 0.09, 0.50, (18, 45)),
    Level("AFF", "Affiliate", 0.07, 0.25, (0, 25)),
)
CORPORATE = Level("CORP", "Corporate", 0.0, 0.60, (0, 30))  # of companies alone

INTERESTS: tuple[tuple[str, float], ...] = (
    ("INSPECTION", 0.30), ("STEEL", 0.22), ("CONCRETE", 0.21), ("SEISMIC", 0.14), ("RAIL", 0.11), ("TIMBER", 0.08),
    ("FOUNDATIONS", 0.13), ("HISTORIC", 0.07), ("FOOTBRIDGES", 0.06),
    ("MONITORING", 0.12), ("EDUCATION", 0.09), ("ADVOCACY", 0.05),
)  # fmt: skip

FUNDS: tuple[tuple[str, float], ...] = (
    ("ANNUAL", 0.62), ("SCHOLAR", 0.22), ("MUSEUM", 0.10), ("RESEARCH", 0.06),
)  # fmt: skip

TITLES = (
    "Bridge Engineer", "Structural Engineer", "Senior Structural Engineer", "Project Manager", "Inspector",
    "Geotechnical Engineer", "Principal", "Director of Engineering", "Design Lead", "Professor", "Researcher",
    "Estimator", "Construction Manager", "Asset Manager", "Consultant", "Chief Engineer",
)  # fmt: skip
ORGANIZATIONS = (
    "Ashgrove Structures", "Beacon & Pike", "Cantilever Partners", "Deepwater Foundations", "Eastline Rail",
    "Falls County DOT", "Granite State University", "Harbor Crossing Authority", "Ironwood Engineers",
    "Juniper Design Group", "Keystone Inspection", "Longspan Consultants", "Meridian Infrastructure",
    "Northgate Polytechnic", "Overlook Surveyors", "Pioneer Concrete", "Quarry Lane Testing", "Ridgeway Steel",
    "Stonebridge University", "Truss & Tower", "Underhill Geotechnics", "Viaduct Works", "Westbank Authority",
    "Yarrow Timber Structures", "Müller Brückenbau", "Ponts & Fils", "Ingeniería del Norte", "桥梁设计院",
)  # fmt: skip
DOMAINS = (
    "example.org",
    "example.com",
    "example.net",
    "mail.example.org",
    "staff.example.com",
    "campus.example.net",
)
CREDENTIALS = ("PE", "SE", "PhD", "PE, SE", "FASCE")
LANGUAGES = {"es": "es", "es-mx": "es", "fr": "fr"}  # names' language → the letter's language people asked for

CONFERENCE_DAYS_AGO = (972, 606, 240)  # more than a year apart: each in a year of its own


@dataclass(frozen=True, slots=True)
class Event:
    """An event and the share of all registrations that were for it."""

    code: str
    name: str
    on: date
    share: float


def events(today: date) -> list[Event]:
    """Three annual conferences, webinars every two months and four courses to come, seen from that day."""
    conferences = [
        Event(f"CONF{(day := _days_ago(today, days)).year}", f"Annual Conference {day.year}", day, 0.12)
        for days in CONFERENCE_DAYS_AGO
    ]
    topics = (
        "Cable stays",
        "Scour",
        "Fatigue",
        "Load rating",
        "Bearings",
        "Drones for inspection",
        "Weathering steel",
        "Ethics",
    )
    webinars = [
        Event(f"WEB{number:02}", f"Webinar: {topic}", _days_ago(today, 40 + 61 * number), 0.05)
        for number, topic in enumerate(topics)
    ]
    cities = ("Denver", "Boston", "Houston", "Seattle")
    courses = [
        Event(f"COURSE{number}", f"Inspection course, {city}", today + timedelta(days=25 + 30 * number), 0.06)
        for number, city in enumerate(cities)
    ]
    return [*conferences, *webinars, *courses]


def _days_ago(today: date, days: int) -> date:
    return today - timedelta(days=days)
