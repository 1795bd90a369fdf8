"""Why goals are missed: the floor, where the rest goes, and what would change it.

Each is shown beside its goal while that is missed.
"""

from __future__ import annotations

from typing import Final

SHELL: Final = (
    "Floor: `date` and `mosquitto_pub` from a shell, without any work of ours, take 1.7 times the"
    " bare program, since each program that sh starts costs about 1 ms. The rest reads `agent.env`"
    " and checks the call."
)
DURABLE: Final = (
    "The floor is the same two messages with our bus in paho's place on the asking side alone. A"
    " sidecar answers first; its commit waits for 10 ms without a message and keeps up to 16"
    " answers and their ids, and only then are the commands acknowledged. So no command waits for"
    " the disk, and what is left is Python: in one process with nothing beside it 0.22 ms of CPU"
    " from a command's arrival until its answer has left, where bare paho takes 0.1. A third of it"
    " is paho, which reads one packet and writes one, a third the status that is the answer, made,"
    " judged and encoded, a fifth the command, judged and queued. The broker's acknowledgement of"
    " the answer is read after it, 0.1 ms on a core that whoever is asked next could use. With"
    " 10 ms between two commands, as ten sidecars asked in turn have them, caches are cold and all"
    " of it takes twice as long. What would change it: a link without Python."
)
INTAKE: Final = (
    "The floor is the same link with nothing behind it, which only acknowledges. The rest is what"
    " mosquitto_sub does not do: each message is judged, observed, recorded for the audit, written"
    " and committed before it is acknowledged, on two cores that broker and generator use too. A"
    " heartbeat that says nothing new and an answer take a short way, of which decoding and the"
    " agent's record take 2 microseconds each, the capture 1, and the tuples it passes through as"
    " much; what says something new is judged whole, and that is most of what a fleet's mix costs"
    " (`intake_mixed`, `cProfile`). More needs a judge that is compiled."
)
BROADCAST: Final = (
    "Floor: the bare client that only counts replies, on the same two cores as the broker and the"
    " simulated agents: what counts is the CPU of all of them until the last answer is seen. Ours"
    " judges each answer; through the hub each is also stored, the end of a command, and told to"
    " the caller by its event stream. By CPU samples of a hub at work until then, nearly half is"
    " to judge and enter an answer and a beat, a tenth threads beside its loop, the store's writer"
    " most of all, a sixteenth each to read the link and to end the commands, a tenth to take the"
    " command and to tell the caller. Receipts and most ends of commands come later, as long as"
    " the answers take no more than 2 s. The first broadcast after a start is the slowest: what"
    " comes after it is let in with fewer looks. Fewer packets would need one receipt for many"
    " agents, which the contract does not have."
)
REST: Final = (
    "Floor: a Python process that only keeps a paho connection takes 0.6 CPU seconds an hour. The"
    " rest is five probes and a beat every 10 s, 60 times as often as the default. By cProfile of"
    " each thread two fifths are the probes, the call of the endpoint most of all, a fifth to"
    " build, judge and send the beat, and the rest alerts, link and the loop, which sleeps three"
    " times a beat: until it is due, until the probes have answered, until the broker has."
)
BURSTY: Final = "Near its goal: which side it falls on varies with what else the machine does."
FIRST_SCRAPE: Final = (
    "Floor: whoever changed is looked at anew, some 3 microseconds of CPU each (5 more where it is"
    " made of its record, as after a start), and then every line is written anew, some 2"
    " microseconds for twelve. Of the writing a quarter is the page itself, 72 MiB of fresh memory;"
    " numbers become text a thousand at once (`orjson`), the age of each by `%.3f`, which costs"
    " half as much again; a number that a thousand have in common, as the interval, is joined to"
    " their names like a word. No text is kept, so a scrape in which nothing changed costs two"
    " fifths of one in which everything did; what would change it: text kept for each agent, which"
    " took 190 MB of 100,000 where numbers take 17."
)
AUDIT_PACE: Final = (
    "Near its goal: which side it falls on varies with the machine. To read a line of the capture"
    " is a tenth of what a message takes, and to decode a heartbeat an eighth (`orjson`,"
    " `msgspec`). The corpus draws other metrics for each heartbeat, and a seventh of it are"
    " statuses, alerts and commands, which are read whole and take a third of the time."
)
WHOLE: Final = (
    "The floor is a Python that asks the same hub the same question with urllib, and prints"
    " nothing; the hub's own answer is in both. By CPU a bare Python is a fifteenth of the command,"
    " click a fifth, the rest of what is loaded (settings, vocabulary, views: each record type is"
    " compiled at every start) two fifths, and a third the answer, read, judged and shown as a"
    " table of all agents. A hub of this machine is asked over a plain socket: no HTTP client, no"
    " OpenSSL, no MQTT and no judge is loaded; a test counts modules. What would change it: a"
    " command line without click, or a process that stays."
)
ONE_BEAT: Final = (
    "The floor is a Python with paho that publishes one message and hangs up. The rest is what a"
    " one-shot is for: it finds the agent, probes it while its link comes about, keeps its session"
    " on disk, and waits for commands that lie at the broker until it has been quiet for 80 ms or"
    " eight times as long as the broker took to answer. MQTT promises no answer behind which"
    " nothing more is queued, so that wait stays a time."
)
SECURED: Final = (
    "The measure is RSS, so it counts pages that all processes of a machine share. By the smaps of"
    " /proc, in MiB: 5.1 are the interpreter's library; 4.8 OpenSSL and Python's way to it (4.0"
    " `libcrypto`, 0.6 `libssl`, 0.2 `_ssl`), of which 0.5 are this process's own; 5.0 the C"
    " library, SQLite and small libraries; and 11.3 objects of Python and OpenSSL, 1.4 of them for"
    " TLS. So TLS alone is 6.2 on top of 19.9, and 24 would leave 4.1. The own CA's file is the"
    " only one that is loaded, and signatures are checked by the OpenSSL that `ssl` has loaded, for"
    " nothing. Tried, and not worth 0.2: one arena of malloc, `malloc_trim` at rest, a collection"
    " before the start; without docstrings (`-OO`) it is 0.6 less. What would change it: a link"
    " without Python."
)
MIXED: Final = (
    "The floor is the same link with nothing behind it. Of this mix a fifth says something new; of"
    " that, planes that go between pass and warn take the short way, and what is left, a twentieth"
    " of all, alerts and progress, takes a quarter of the CPU (`py-spy`). A third is the short way"
    " of the others, an eighth the link, a sixth the store and a fifteenth the audit's capture. Two"
    " cores bear hub, broker and generator: to pass mosquitto_sub from 1,000 links, whose broker"
    " and generator take 35 microseconds a message of both, the hub would have 7, and the link"
    " alone takes 5. What would change it: a judge that is compiled, or a third core."
)
FIRST_HEARD: Final = (
    "A hub that knows nobody is told two first messages of each agent, a state and a heartbeat,"
    " which are judged whole, make a record and two or three events, and are stored: 0.14"
    " milliseconds of CPU for both where 20,000 come. By `py-spy` six tenths are judging, more than"
    " half of that what becomes of the record, and a sixth the store. A hub that has its store"
    " knows 100,000 after 4 s (`known_agents`). What would change it: a judge that is compiled."
)
ALIVE: Final = (
    "Of a fleet that speaks, a tenth of which goes and comes back all the time, with what a hub at"
    " rest does not have: names of topics and what each agent said today (60 MiB), messages that"
    " wait for the store, and what lies between blocks in use. By `tracemalloc`, where 20,000 have"
    " just spoken, all objects are 85 MB, a third of them code, of 158 MiB in all. `known_agents`"
    " is the same at rest."
)
TAKE_OVER: Final = (
    "Floor: the lease, of which 10 to 15 s are left when a hub dies (`lease_s` of the run); a"
    " shorter one would make a slow disk of the database end a hub that lives. The rest is the"
    " start of the other hub, which goes on with the roster that it has followed."
)
THERE: Final = (
    "Floor: the server's own work, 7 to 11 microseconds of CPU a row (5 of them for the row"
    " itself, 5 for the index by agent), on the same two cores as broker, generator and hub. With"
    " the server on another machine that part is gone."
)
START: Final = (
    "Each record is read out of the store (25 microseconds of CPU) and made in Python (15), one"
    " after the other by one thread. What would change it: records that stay as they are stored"
    " until somebody asks for them."
)
ROOM: Final = (
    "By what is left without each part, some 65 MiB are the program and its libraries, 60 the"
    " roster, 32 SQLite's pages where that is the store, 20 the numbers of a scrape, 15 names and"
    " numbers of rows of the store; the rest lies between blocks in use. What would change it:"
    " records as packed bytes, not as Python objects."
)
PAGE: Final = (
    "Who is of which verdict is kept from page to page, so the page is its hundred rows: a view"
    " of each, what is wrong with it, and both as JSON, some 50 microseconds of CPU each. What is"
    " beyond that is what else the hub does in the same moment."
)

WORK: Final = (
    "The floor is the three writes of a task, each for as many tasks at once, where nobody awaits"
    " an answer and nothing is judged. The rest is that each call is judged and answered by itself,"
    " in Python, beside the database on two cores. By CPU seconds a task costs both sides together"
    " 0.5 ms on PostgreSQL, half of it the server's, which keeps 23 entries of indices for it;"
    " pgqueuer takes 2 ms. What would change it: fewer indices, and judges that are not in Python."
)
IDLE_WORKER: Final = (
    "A start is a request and its commit (5 ms), a signed message through the broker (3), a"
    " question what is offered (4), a claim with its commit (3), a look at the board and the folder"
    " (7), and a process that is made. What would change it: an offer that says its kind, so that"
    " nobody asks what is offered."
)
BLOBS: Final = (
    "`cp` copies in the kernel. Content of a task is hashed and written while it comes, and is on"
    " the disk before it is acknowledged. Floor: a loop in Python that does just that with what"
    " comes by a socket reaches 0.49 of `cp` here. The rest is an HTTP server in the same"
    " interpreter. What would change it: a sender on another machine, whose core it is then."
)
