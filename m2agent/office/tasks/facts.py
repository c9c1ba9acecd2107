"""Things that a mail or a note states and a task asks for, each with its name and a value."""

from m2agent.office.tasks.wording import Wording, money

_FACTS = (
    "gate code|phone number|order number|room|price|delivery day|start|parking space|customer"
    " number"
    "|locker number|deposit|meeting point|wifi password|reference|account number|booking code"
    "|contact|end|deadline|discount|door code|floor|size|weight|quantity|licence plate|model"
    "|serial number|table number|train number|contract number|alarm code|rent|colour|opening hour"
)

_COLOURS = (
    "dark grey|light blue|oak|ivory|moss green|signal red|white|black|sand|brick red|walnut|silver"
)


def fact(w: Wording) -> tuple[str, str]:
    """A fact's name and value."""
    name = w.one_of(_FACTS)
    match name:
        case "phone number":
            value = w.phone()
        case "price" | "deposit" | "rent":
            value = f"{money(w.cents())} EUR"
        case "delivery day" | "deadline" | "end":
            value = w.spoken_day()
        case "start":
            value = f"{w.spoken_day()} at {w.hour()}"
        case "contact":
            value = w.person().name
        case "discount":
            value = f"{w.number(2, 60)} %"
        case "quantity":
            value = f"{w.number(2, 990)} pieces"
        case "size" | "weight":
            value = f"{w.number(2, 990)} {w.one_of('cm|mm|m2|m') if name == 'size' else 'kg'}"
        case "floor" | "table number":
            value = str(w.number(1, 60))
        case "colour":
            value = w.one_of(_COLOURS)
        case "opening hour":
            value = w.hour()
        case "room" | "parking space" | "locker number":
            value = w.rng.choice((str(w.number(2, 460)), w.code().replace("/", "-")))
        case "meeting point":
            value = f"{w.number(1, 120)} {w.last()} {w.one_of('Road|Street|Lane|Square')}"
        case _:
            value = w.code()
    return name, value


def stated(w: Wording, name: str, value: str) -> str:
    """A sentence that states it."""
    form = "[The {name} is {value}.|{name}: {value}|Please note the {name}: {value}.]"
    text = w.say(form, name=name, value=value)
    return text[0].upper() + text[1:]
