//! The terminal of a seller: a pseudoterminal, in which python3 answers.

use std::process::Command;

use serde_json::{Value, json};

use crate::world::World;

/// Answers a program's questions in their order; an answer that is null ends the program.
const ON_A_TERMINAL: &str = r#"
import json, os, pty, signal, sys, termios, time
task = json.loads(sys.argv[1])
dialogue = task["dialogue"]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
said = b""
unread = b""
while True:
    try:
        part = os.read(terminal, 4096)
    except OSError:
        break
    said += part
    unread += part
    while dialogue and dialogue[0][0].encode() in unread:
        question, answer = dialogue.pop(0)
        unread = unread.split(question.encode(), 1)[1]
        if answer is None:
            os.kill(pid, signal.SIGTERM)
            continue
        # What is typed before the program hides it would be seen.
        while answer == task["secret"] and termios.tcgetattr(terminal)[3] & termios.ECHO:
            time.sleep(0.01)
        os.write(terminal, answer.encode() + b"\n")
sys.stdout.buffer.write(said)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
assert not dialogue, dialogue
sys.exit(code)
"#;

/// Runs a command of the shop on a terminal of its own. Returns its exit code, and what it said.
///
/// `dialogue`: pairs of a question and its answer. `secret`: the answer that the program does not show.
pub fn on_a_terminal(
    world: &World,
    arguments: &[&str],
    environment: &[(&str, &str)],
    dialogue: &Value,
    secret: Option<&str>,
) -> (Option<i32>, String) {
    let done = Command::new("python3")
        .args(["-c", ON_A_TERMINAL, &json!({"dialogue": dialogue, "secret": secret}).to_string()])
        .arg(&world.program)
        .args(arguments)
        .current_dir(world.home.path())
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let said = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8(said).unwrap())
}
