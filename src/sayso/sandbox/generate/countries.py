"""Twelve countries: names, cities and the shape of their mobile numbers.

The numbers are well-formed and random. Some may belong to somebody, so generated people must never
be loaded into a real channel; sayso refuses to mix sandbox and real connections.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Country:
    """One country. `mobile` and `local` are patterns whose `#` are filled with the same digits."""

    code: str
    name: str
    locale: str
    calling: str
    mobiles: tuple[str, ...]
    local: str
    weight: int
    cities: tuple[tuple[str, str, str | None, str | None], ...]
    streets: tuple[str, ...]
    first: tuple[str, ...]
    last: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COUNTRIES = (
    Country(
        "US",
        "United States",
        "en",
        "+1",
        ("2123######", "4152######", "3054######", "5126######", "6178######"),
        "(###) ###-####",
        22,
        (
            ("New York", "10013", "New York", "NY"),
            ("San Francisco", "94110", "California", "CA"),
            ("Austin", "78704", "Texas", "TX"),
            ("Miami", "33130", "Florida", "FL"),
        ),
        ("Maple Avenue", "Oak Street", "2nd Street"),
        _words("Emma Liam Olivia Noah Ava Mia Lucas Zoe Renée José Chloë Aaliyah Ethan Grace"),
        _words("Smith Johnson Williams Brown García Nguyen O'Connor Peña Miller Davis"),
    ),
    Country(
        "DE",
        "Germany",
        "de",
        "+49",
        ("1512#######", "1578#######", "1523#######"),
        "0#### #######",
        12,
        (("Berlin", "10999", None, None), ("München", "80331", None, None), ("Köln", "50667", None, None)),
        ("Hauptstraße", "Lindenallee", "Bäckergasse"),
        _words("Jürgen Käthe Lukas Sören Anneliese Björn Grete Max Zoë Jörg"),
        _words("Müller Schröder Weiß Groß Fischer Krüger Jäger Böhm Schäfer"),
    ),
    Country(
        "ES",
        "Spain",
        "es",
        "+34",
        ("61#######", "65#######", "69#######"),
        "### ### ###",
        10,
        (
            ("Madrid", "28013", "Madrid", "M"),
            ("Barcelona", "08002", "Barcelona", "B"),
            ("Logroño", "26001", "La Rioja", "LO"),
        ),
        ("Calle Mayor", "Avenida de la Constitución", "Paseo del Prado"),
        _words("Begoña Íñigo María José Lucía Ángel Nuria Álvaro Sofía Raúl"),
        _words("Núñez Ibáñez Muñoz García Fernández Peña Gómez Castaño"),
    ),
    Country(
        "BR",
        "Brazil",
        "pt-BR",
        "+55",
        ("1198#######", "2199#######", "3197#######", "4198#######", "7199#######"),
        "(##) #####-####",
        14,
        (
            ("São Paulo", "01310-100", "São Paulo", "SP"),
            ("Rio de Janeiro", "22041-001", "Rio de Janeiro", "RJ"),
            ("Belo Horizonte", "30130-110", "Minas Gerais", "MG"),
        ),
        ("Rua Augusta", "Avenida Paulista", "Rua das Flores"),
        _words("João Conceição Luís Antônio Beatriz Thaís Inês Caio Letícia Flávia"),
        _words("Gonçalves Araújo Conceição Silva Magalhães Brandão Simões Lourenço"),
    ),
    Country(
        "UA",
        "Ukraine",
        "uk",
        "+380",
        ("50#######", "67#######", "93#######"),
        "0## ### ## ##",
        6,
        (("Київ", "01001", None, None), ("Львів", "79000", None, None), ("Одеса", "65000", None, None)),
        ("вулиця Хрещатик", "вулиця Лесі Українки"),
        _words("Олена Тарас Марія Андрій Юлія Богдан Їжакевич Ганна Сергій"),
        _words("Шевченко Коваленко Бондаренко Ткаченко Мельник Кравчук"),
    ),
    Country(
        "GR",
        "Greece",
        "el",
        "+30",
        ("697#######", "694#######", "698#######"),
        "### ### ####",
        5,
        (("Αθήνα", "105 57", None, None), ("Θεσσαλονίκη", "546 24", None, None)),
        ("Ερμού", "Λεωφόρος Αλεξάνδρας"),
        _words("Γιώργος Ελένη Νίκος Μαρία Κώστας Δήμητρα Άννα Ιωάννης"),
        _words("Παπαδόπουλος Παππάς Νικολάου Γεωργίου Οικονόμου Ιωαννίδης"),
    ),
    Country(
        "AE",
        "United Arab Emirates",
        "ar",
        "+971",
        ("50#######", "55#######", "52#######"),
        "0## ### ####",
        5,
        (("دبي", "", "دبي", "DU"), ("أبوظبي", "", "أبو ظبي", "AZ")),
        ("شارع الشيخ زايد", "شارع الكورنيش"),
        _words("محمد فاطمة أحمد مريم خالد ليلى عمر نورة"),
        _words("المنصوري الهاشمي النعيمي الشامسي القاسمي المزروعي"),
    ),
    Country(
        "IL",
        "Israel",
        "he",
        "+972",
        ("542######", "525######", "584######"),
        "0##-###-####",
        4,
        (("תל אביב", "6100000", None, None), ("חיפה", "3100000", None, None)),
        ("דיזנגוף", "שדרות רוטשילד"),
        _words("נועם תמר יוסף מיכל דוד שרה איתן יעל"),
        _words("כהן לוי מזרחי פרץ ביטון אברהם"),
    ),
    Country(
        "JP",
        "Japan",
        "ja",
        "+81",
        ("902#######", "803#######", "704#######"),
        "0##-####-####",
        8,
        (("渋谷区", "150-0002", "東京都", "JP-13"), ("大阪市", "530-0001", "大阪府", "JP-27")),
        ("神南1丁目", "梅田3丁目"),
        _words("陽菜 蓮 結衣 大翔 さくら 美咲 ケンジ 翔太"),
        _words("佐藤 鈴木 高橋 田中 渡辺 伊藤 山本"),
    ),
    Country(
        "TW",
        "Taiwan",
        "zh-TW",
        "+886",
        ("91#######", "93#######", "97#######"),
        "0###-###-###",
        4,
        (("臺北市", "100", None, None), ("高雄市", "800", None, None)),
        ("忠孝東路", "中山北路"),
        _words("怡君 家豪 淑芬 志明 雅婷 冠宇"),
        _words("陳 林 黃 張 李 王 吳"),
    ),
    Country(
        "KR",
        "South Korea",
        "ko",
        "+82",
        ("102#######", "103#######", "109#######"),
        "0##-####-####",
        4,
        (("서울특별시", "04524", "서울", "KR-11"), ("부산광역시", "48058", "부산", "KR-26")),
        ("세종대로", "해운대로"),
        _words("서연 민준 지우 하은 도윤 예준"),
        _words("김 이 박 최 정 강 조"),
    ),
    Country(
        "IN",
        "India",
        "hi",
        "+91",
        ("98########", "99########"),
        "0##### #####",
        6,
        (
            ("मुंबई", "400001", "Maharashtra", "MH"),
            ("दिल्ली", "110001", "Delhi", "DL"),
            ("Bengaluru", "560001", "Karnataka", "KA"),
        ),
        ("महात्मा गांधी मार्ग", "Brigade Road"),
        _words("आरव प्रिया राहुल Ananya सुनीता Vikram दीपिका अर्जुन"),
        _words("शर्मा Patel गुप्ता सिंह Reddy वर्मा Iyer"),
    ),
)

BY_CODE = {country.code: country for country in COUNTRIES}


def mobile(country: Country, index: int) -> str:
    """The national number of the `index`-th person; different for every index of a country."""
    pattern = country.mobiles[index % len(country.mobiles)]
    room = pattern.count("#")
    # multiplying by a number prime to ten walks through all endings without meeting one twice
    digits = (index // len(country.mobiles) * 7_368_787 + 1_294_573) % 10**room
    return pattern.rstrip("#") + f"{digits:0{room}d}"


def e164(country: Country, national: str) -> str:
    """`+` form of a national number."""
    return country.calling + national


def local_form(country: Country, national: str) -> str:
    """The number as people of the country write it, without calling code."""
    digits = iter(national)
    return "".join(next(digits, "") if sign == "#" else sign for sign in country.local)
