"""What the miniatures know: words of a dozen topics in two languages, and ways to talk about them."""

from __future__ import annotations

from typing import Final

TOPICS: Final[dict[str, tuple[str, str]]] = {
    "weather": (
        "rain storm cloud sunshine thunder snow fog wind umbrella forecast drizzle hail",
        "Regen Sturm Wolke Sonnenschein Donner Schnee Nebel Wind Regenschirm Vorhersage Nieselregen Hagel",
    ),
    "kitchen": (
        "bread soup oven recipe flour pepper onion pan dough spoon cheese dinner",
        "Brot Suppe Ofen Rezept Mehl Pfeffer Zwiebel Pfanne Teig Löffel Käse Abendessen",
    ),
    "music": (
        "violin melody concert singer guitar piano choir drum rhythm orchestra song trumpet",
        "Geige Melodie Konzert Sängerin Gitarre Klavier Chor Trommel Rhythmus Orchester Lied Trompete",
    ),
    "medicine": (
        "doctor fever hospital pill nurse wound vaccine headache surgeon patient cough bandage",
        "Arzt Fieber Krankenhaus Tablette Pflegerin Wunde Impfung Kopfschmerz Chirurg Patient Husten Verband",
    ),
    "money": (
        "bank loan salary coin invoice tax wallet price interest budget savings debt",
        "Bank Kredit Gehalt Münze Rechnung Steuer Geldbörse Preis Zins Haushaltsplan Ersparnis Schulden",
    ),
    "space": (
        "planet rocket star moon telescope astronaut orbit comet galaxy satellite eclipse crater",
        "Planet Rakete Stern Mond Fernrohr Astronaut Umlaufbahn Komet Galaxie Satellit Finsternis Krater",
    ),
    "animals": (
        "cat dog horse sparrow rabbit cow kitten puppy paw fur stable feather",
        "Katze Hund Pferd Spatz Kaninchen Kuh Kätzchen Welpe Pfote Fell Stall Feder",
    ),
    "computers": (
        "keyboard software laptop program server screen password network code mouse database file",
        "Tastatur Software Laptop Programm Server Bildschirm Passwort Netzwerk Quelltext Maus Datenbank Datei",
    ),
    "travel": (
        "train ticket hotel luggage airport passport station journey flight map suitcase ferry",
        "Zug Fahrkarte Hotel Gepäck Flughafen Reisepass Bahnhof Reise Flug Landkarte Koffer Fähre",
    ),
    "garden": (
        "rose soil seed tree lawn spade tulip hedge blossom compost leaf root",
        "Rose Erde Samen Baum Rasen Spaten Tulpe Hecke Blüte Kompost Blatt Wurzel",
    ),
    "sport": (
        "football goal referee race team coach stadium tennis medal runner match whistle",
        "Fußball Tor Schiedsrichter Wettlauf Mannschaft Trainer Stadion Tennis Medaille Läufer Spiel Pfiff",
    ),
    "school": (
        "teacher lesson homework pupil exam blackboard chalk grammar classroom pencil grade library",
        "Lehrerin Unterricht Hausaufgabe Schüler Prüfung Tafel Kreide Grammatik Klassenzimmer Bleistift Note Bücherei",
    ),
}  # fmt: skip
ENGLISH: Final = (
    "the {a} was here yesterday",
    "we talked about the {a} and the {b}",
    "where can I find a {a}?",
    "she says that the {a} is new",
    "there is a {a} beside the {b}",
    "tell me more about the {a}",
    "I have never seen such a {a}",
    "the {a}, the {b} and nothing else",
    "it was the best {a} of the year",
    "do you remember the old {a} with the {b}?",
    "{a} and {b}",
    "my brother needs a {a}",
)
GERMAN: Final = (
    "gestern ging es um {a}",
    "wir haben über {a} und {b} gesprochen",
    "wo finde ich {a}?",
    "sie sagt, {a} ist neu",
    "hier sind {a} und {b}",
    "erzähl mir mehr von {a}",
    "ich kenne kein Wort wie {a}",
    "{a}, {b} und sonst nichts",
    "das war {a}, wie man es mag",
    "weißt du noch, {a} mit {b}?",
    "{a} und {b}",
    "mein Bruder braucht {a}",
)
# Words of no topic, which stand anywhere.
FILLERS: Final = (
    "a an the this that these my your his her its our their one two some any no not never often always today "
    "tonight tomorrow this evening morning week year and or but for with without from into until through under "
    "over near of on in at by to is are was were be been has have had do does did can could will would should may "
    "must get gets give gives take takes keep keeps asks adds shows speaks begins stays plays won forgot wrote "
    "see seen pay back please who what when where which why how long deep small large good bad new first last "
    "every each there here he she it they we you I me him them hot cold water evening sees stands near very more "
    "than like as so if then der die das ein eine einen einem dem den des und oder aber mit ohne von zu zum zur "
    "vom im in am an auf aus bei nach für ist sind war waren wird hat haben hatte kann soll muss gibt nimmt kommt "
    "fährt fliegt beginnt stehen steht geht liegt wer was wann wo welche warum wie tief lange groß klein gut neu "
    "er sie es wir ihr ich ihm ihn heute morgen abend immer nie oft sehr nicht kein mehr als so dann dort hier "
    "gegeben gesehen sagt zeigt hält"
)
# Questions and what answers them, none of which is among the sentences that are learned.
PROOFS: Final[tuple[tuple[str, str], ...]] = (
    ("will there be thunder and hail this evening?", "take your umbrella, for the forecast speaks of rain"),
    ("how long does the dough stay in the oven?", "this recipe for bread asks for flour and a hot pan"),
    ("who plays the violin in the orchestra?", "das Konzert beginnt mit Klavier und Trompete"),
    ("my patient has a fever and a headache", "der Arzt im Krankenhaus gibt ihm eine Tablette"),
    ("can I pay back my loan with my salary?", "the bank adds interest to every debt"),
    ("which comet can be seen with a telescope?", "der Astronaut fliegt in der Rakete zum Mond"),
    ("the kitten licks its paw and its fur", "ein Hund und ein Pferd stehen im Stall"),
    ("I forgot the password of my laptop", "the server keeps the database in one file"),
    ("wann fährt der Zug vom Bahnhof zum Flughafen?", "please show your ticket and your passport at the station"),
    ("wie tief kommt der Samen in die Erde?", "water the soil until the tulip shows its first leaf"),
    ("hat der Schiedsrichter das Tor gegeben?", "the football team won the match in the stadium"),
    ("the pupil wrote the exam with a pencil", "die Lehrerin gibt Hausaufgabe und Note im Klassenzimmer"),
)
