"""Which commands run unasked: only what certainly does no more than read."""

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m2agent_connectors.shell.commands import only_reads

READS = [
    "",
    "ls",
    "ls -la *.csv",
    "ls \\\n  -l",
    "# what is there\nls",
    "cat 'a b' | sort -n > /dev/null 2>&1",
    "cat Résumé.txt",
    "cat <<< hi",
    "head -n 5 invoices.csv; tail -5 invoices.csv",
    'for f in *.csv; do echo "$f"; head -n 2 "$f"; done',
    "while read -r line; do echo $line; done < f.txt",
    "for i in {1..3}; do echo $i; done",
    "[ -f x ] && echo yes || echo no",
    '[ "$a" -gt 5 ] && echo big',
    'test "$x" = y && echo same',
    "[[ $x == y* || ! -d z ]]",
    "if test -f a; then cat a; elif [ -d a ]; then ls a; else true; fi",
    "case $x in a|b) echo 1;; *) echo 2;; esac",
    "x=$(wc -l < f); echo ${x%a} ${#x} $((1 + 2))",
    "! grep -q a b; (cd d; ls); { ls; }",
    "diff <(sort a) <(sort b)",
    "grep -rn 'foo bar' . | head -20",
    "find . -name '*.csv' -newermt 2026-01-01 -type f | xargs wc -l",
    "find . -type f -print0 | xargs -0 -n1 grep -l foo",
    "ls | xargs -I{} cat {}",
    "awk -F, '{s += $3} END {print s}' invoices.csv",
    "awk -F, 'NR>1 && $3 > 100 {print $1}' *.csv",
    "awk -v limit=\"$limit\" '$1 > limit || $2 {print}' f",
    "sed -n '1,20p' f",
    "sed 's/a/b/g; s|x\\|y|z|I' f | sort -u",
    "sed -nE '/^foo/,/[0-9]$/p' 'f g'",
    "cut -d, -f2 a.csv | sort | uniq -c | sort -rnk1 | head",
    "sort -t, -k2,2n -- *.csv",
    "date +%F; date -d yesterday",
    "set -euo pipefail; ls",
    "echo \"total: $(awk '{s += $1} END {print s}' n.txt)\"",
    "jq -r '.a[] | \"\\(.b)\"' x.json",
    "printf '%s\\n' a b",
    "command -v python3",
    "echo 'a; rm b | c > d & $(e)'",
    "bc <<< '1+2'; seq 3 | paste -sd+ | bc",
    "base64 -d < x | xxd | head",
]

ACTS = [
    # Programs that are not known readers, wherever they stand.
    "rm x",
    "python3 -c 1",
    "git status",
    "curl example.org",
    "ls; rm x",
    "ls\nrm x",
    "ls && rm x",
    "ls || rm x",
    "ls | rm x",
    "ls |& rm x",
    "! rm x",
    "(rm x)",
    "{ rm x; }",
    "if rm x; then ls; fi",
    "while rm x; do ls; done",
    "for f in $(rm x); do ls; done",
    "case $(rm x) in a) ls;; esac",
    "case a in a) rm x;; esac",
    "echo $(rm x)",
    'echo "a $(rm x) b"',
    "echo `rm x`",
    'echo "`rm x`"',
    'echo "${x:-$(rm x)}"',
    "cat <(rm x)",
    "cat <<< $(rm x)",
    '[ "$(rm x)" ]',
    "x=$(rm x)",
    "$x",
    "'rm' x",
    "l''s",
    "./ls",
    "/tmp/ls",
    "{ls,}",
    # Programs that run others.
    "eval ls",
    ". ./x",
    "source x",
    "exec ls",
    "env ls",
    "sudo ls",
    "nohup ls",
    "time ls",
    "coproc ls",
    "command rm x",
    "xargs rm",
    "xargs sh -c ls",
    "find . | xargs sort",
    "trap 'rm x' EXIT",
    "alias ls=rm",
    "hash -p /x ls",
    "enable -n ls",
    "f(){ ls; }",
    "function f { ls; }",
    "ls &",
    # Redirections.
    "ls > out",
    "ls >> out",
    "ls 2> out",
    "ls &> out",
    "ls >| out",
    "ls <> out",
    "ls 3>& out",
    "ls > $x",
    "ls > '/dev/null '",
    "tee >(cat)",
    "cat <<EOF\nEOF",
    "cat < /dev/tcp/10.0.0.1/53",
    'cat < "$x"',
    "echo x > /dev/udp/10.0.0.1/53",
    "cat {PATH}</dev/null",
    "sort > /dev/null -o out f",
    # Options that write or run, and words that may become such.
    "sort -o out f",
    "sort -no out f",
    "sort --output=out f",
    "sort --compress-program=sh f",
    "sort *",
    "sort $x",
    'sort "$x"',
    "sort -\\\no out",
    "find . -delete",
    "find . -exec rm {} +",
    "find . -fprint out",
    "find *",
    "find . -name $x",
    "uniq a out",
    "xxd a out",
    "base64 -o out a",
    "date -s 2020-01-01",
    "date 01010101",
    "file -C -m x",
    "tar tf x.tar",
    # Programs in the words of sed and awk.
    "sed -i s/a/b/ f",
    "sed p f -i",
    "sed -n -i p f",
    "sed --in-place p f",
    "sed -f x f",
    'sed "$x" f',
    "sed 's/a/b/w out' f",
    "sed 's/a/b/e' f",
    "sed -n 'w out' f",
    "sed '1e touch x' f",
    "sed 's/[/A/;/]/s/w out/x/' f",
    "awk 'BEGIN {system(\"rm x\")}'",
    "awk '{print > \"out\"}' f",
    "awk '{print ; > \"out\"}' f",
    "awk '{print | \"sh\"}' f",
    "awk 'BEGIN {\"rm x\" | getline}'",
    "awk 'BEGIN {getline < \"/inet/udp/0/h/53\"}'",
    "awk -f x f",
    "awk -i inplace '{print}' f",
    'awk "$x" f',
    # Variables that mean something, and arithmetic that runs what they hold.
    "PATH=. ls",
    "PATH=.; ls",
    "LD_PRELOAD=./x ls",
    "IFS=x",
    "read PATH",
    "read 'a[$(rm x)]'",
    "for PATH in a; do ls; done",
    "select x in a; do ls; done",
    "a=(1 2)",
    "a[0]=1",
    "export x=1",
    "declare x=1",
    "unset x",
    "set -- x",
    "set -x",
    "printf -v PATH x",
    "printf %n PATH",
    "echo ${x:=1}",
    "echo ${x@P}",
    "echo ${!x}",
    "echo ${x:n}",
    "echo ${a[n]}",
    "echo $((n + 1))",
    "echo $((a[$(rm x)]))",
    "((n++))",
    "for ((i = 0; i < 3; i++)); do ls; done",
    "[[ $x -eq 1 ]]",
    "[ -v 'a[$(rm x)]' ]",
    "[ $x = y ]",
    "test -v x",
    'test "$x" y',
    # Spellings that bash and a grammar may read differently.
    "echo $'a'",
    'echo $"a"',
    "ls\rrm x",
    "ls\xa0x",
    "ls \0",
    "ls \ud800",
    "echo 'a",
    "echo $(",
    "exit 3",
    "ls " + "x" * 10_000,
]


@pytest.mark.parametrize("command", READS)
def test_a_command_that_only_reads_is_known_as_one(command: str) -> None:
    assert only_reads(command)


@pytest.mark.parametrize("command", ACTS)
def test_a_command_that_could_do_more_is_not_taken_for_a_reader(command: str) -> None:
    assert not only_reads(command)


@given(st.text())
def test_any_text_gets_an_answer(text: str) -> None:
    assert only_reads(text) in (True, False)


@given(
    st.sampled_from([c for c in ACTS if "\0" not in c]),
    st.sampled_from(READS),
    st.sampled_from(["\n", ";", "&&", "||", "|", " ;\n"]),
    st.text(st.sampled_from("ls;|&$(){}'\"`\\# \nrmx<>-*"), max_size=12),
)
def test_nothing_that_is_added_makes_a_command_a_reader(
    act: str, read: str, between: str, noise: str
) -> None:
    assert not only_reads(f"{act}{between}{read}")
    assert not only_reads(f"{read}{between}{act}")
    # Bash has done the first line before it reads on, whatever follows.
    assert not only_reads(f"rm x\n{noise}")


PIECES = """
ls|cat a|echo x|touch new|rm a|> new|2>&1|> /dev/null|<a|<<E|E|;|&&|&|(|)|{|}|$(|`|"|'|\\|#|$x|${x
}|$((|))|[[|]]|[|]|-f a|==|if|then|fi|while|do|done|for x in|x=1|x=|<(|<<<|!|$'|\\'|\\"|*|?|~|-o new
sort|find .|-delete|sed -n|w new|awk|{print > "new"}|xargs|tee new|time|()|eval|read x|printf|>|new
test|-v 'x[$(touch new)]'|uniq a|date|[1]=|%|case x in x)|;;|esac|until|&>new|3>new|{a,b}
"""


@settings(max_examples=400)
@given(st.data())
def test_what_is_taken_for_a_reader_changes_nothing_when_bash_runs_it(data: st.DataObject) -> None:
    """Bash itself is asked, about shreds of syntax in any order."""
    shreds = st.sampled_from([piece for line in PIECES.splitlines() for piece in line.split("|")])
    joints = st.sampled_from(["", " ", "\n", "|", "||"])
    drawn = data.draw(st.lists(st.tuples(shreds, joints), min_size=1, max_size=9))
    command = "".join(shred + joint for shred, joint in drawn)
    if not only_reads(command):
        return
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a").write_text("1\n2\n")
        (Path(folder) / "command").write_text(command)
        subprocess.run(
            ["bash", "--norc", "-c", ". ./command"],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
        )
        left = {path.name: path.read_text() for path in Path(folder).iterdir()}
    assert left == {"a": "1\n2\n", "command": command}
