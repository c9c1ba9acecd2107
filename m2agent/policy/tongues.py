"""What a person asks for in a language other than English: verbs, and the words that negate them.

Each form stands for the English verb by which `verbs` knows the kind of change. A form counts where
an order begins, or as an infinitive; a clause with a negation in it, wherever it stands, asks for
nothing, since these languages put it before the verb or after.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from m2agent.policy.words import FOREIGN, listed

_ORDERS = """
add: füge füg ergänze aggiungi ajoute ajoutez añade añada agrega agregue adiciona adicione voeg
enter: trage trag inscris inscrivez
write: schreibe schreib schreiben verfasse écris écrivez escribe escriba scrivi escreve escreva
write: schrijf
note: notiere notier vermerke note notez anota anote apunta apunte annota segna noteer
create: erstelle erstell lege leg crée créez crea cree cria crie maak
save: speichere speicher sichere enregistre enregistrez sauvegarde guarda guarde salva bewaar
move: verschiebe verschieb schiebe déplace déplacez range rangez mueve mueva sposta mova verplaats
label: markiere markier kennzeichne marque marquez marca marque contrassegna markeer
put: setze setz mets mettez pon ponga metti põe ponha zet
update: aktualisiere actualise actualisez actualiza actualice aggiorna atualiza atualize
change: ändere änder modifie modifiez cambia cambie modifica modifique altera altere wijzig
delete: lösche lösch entferne supprime supprimez efface borra borre elimina elimine apaga verwijder
cancel: storniere annule annulez cancela cancele annulla annuleer
send: sende schicke schick versende envoie envoyez envía envíe manda invia envia envie
send: stuur verstuur
reply: antworte beantworte réponds répondez responde responda contesta rispondi beantwoord
forward: leite transfère transférez reenvía inoltra encaminha
archive: archiviere archive archivez archiva archivia arquiva archiveer
sort: sortiere ordne classe classez ordena clasifica ordina
book: buche reserviere réserve réservez reserva prenota boek
draft: entwirf rédige rédigez redacta
fill: fülle remplis remplissez rellena riempi
complete: erledige hake coche cochez completa
rename: benenne renomme renombra rinomina
copy: kopiere copie copiez copia
pay: zahle bezahle überweise paie payez paga pague betaal
invite: lade invite invitez invita convida
tell: sage sag informiere benachrichtige informe informez informa
"""
_INFINITIVES = """
add: hinzufügen ergänzen ajouter añadir agregar aggiungere adicionar toevoegen
enter: eintragen inscrire
write: verfassen écrire escribir scrivere escrever schrijven
note: notieren vermerken noter anotar apuntar annotare noteren
create: erstellen anlegen créer crear creare criar
save: speichern abspeichern ablegen enregistrer sauvegarder guardar salvare salvar bewaren
move: verschieben déplacer ranger mover spostare verplaatsen
label: markieren kennzeichnen marquer marcar markeren
put: setzen mettre poner mettere
update: aktualisieren actualiser actualizar aggiornare atualizar bijwerken
change: ändern anpassen modifier cambiar modificar modificare alterar wijzigen
delete: löschen entfernen supprimer effacer borrar eliminar eliminare apagar verwijderen
cancel: stornieren absagen annuler cancelar annullare annuleren
send: senden schicken versenden abschicken envoyer enviar mandar inviare versturen
reply: antworten beantworten répondre responder contestar rispondere beantwoorden
forward: weiterleiten transférer reenviar inoltrare encaminhar doorsturen
archive: archivieren archiver archivar archiviare arquivar archiveren
sort: sortieren ordnen aufräumen trier classer ordenar clasificar ordinare
book: buchen reservieren réserver reservar prenotare boeken
draft: entwerfen rédiger redactar
fill: ausfüllen remplir rellenar compilare
complete: erledigen abhaken cocher terminer completar completare
rename: umbenennen renommer renombrar rinominare
copy: kopieren copier copiar copiare
pay: zahlen bezahlen überweisen payer pagar pagare betalen
invite: einladen inviter invitar invitare convidar uitnodigen
tell: informieren benachrichtigen informer informar informare
"""
_OPENS = listed(
    "bitte und oder dann danach et ou puis ensuite y e o luego después favor favore poi plaît plait"
    " merci en dan dankjewel también auch aussi tambem"
)
_NEGATORS = listed(
    "nicht nichts kein keine keinen keinem keiner keines nie niemals ohne keinesfalls ne pas jamais"
    " rien aucun aucune sans no nunca nada ningún ninguna ninguno sin non mai niente nessuno"
    " nessuna senza não nem sem nenhum niet niets geen nooit zonder"
)
_BUT = listed("aber sondern mais pero sino ma però maar")
_ANYTHING = listed("nichts rien nada niente niets")


def _table(text: str) -> dict[str, str]:
    lines = (line.partition(":") for line in text.strip().splitlines())
    return {form: verb for verb, _, forms in lines for form in forms.split()}


_BY_ORDER, _BY_INFINITIVE = _table(_ORDERS), _table(_INFINITIVES)


def asked(sentence: Sequence[str]) -> Iterator[tuple[str, bool, bool]]:
    """Each verb that is asked for: whether it is negated, and whether of anything at all.

    `sentence` is lower-case words. One in English yields nothing.
    """
    if not FOREIGN & set(sentence):
        return
    for is_but, words in groupby(sentence, key=_BUT.__contains__):
        if is_but:
            continue
        clause = list(words)
        found = set(clause)
        negated = bool(found & _NEGATORS) or any(word.startswith("n'") for word in clause)
        for at, word in enumerate(clause):
            opens = at == 0 or clause[at - 1] in _OPENS or not clause[at - 1][0].isalnum()
            if verb := _BY_INFINITIVE.get(word) or (_BY_ORDER.get(word) if opens else None):
                yield verb, negated, bool(found & _ANYTHING)
