//! A model of several nodes on one database (specs/many-nodes.md), explored exhaustively: every order of steps, crashes,
//! questions to the database that arrive late, twice or never, answers that come late, leases that run out at any moment.
//! Nodes never notice by themselves that their lease is over: a sleeping process is one that takes no step for a while.
//!
//! Steps have the names of the functions in the code. What must hold is in [`World::violation`]; and each rule that is
//! left out must lead to a violation, else it would be none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::rc::Rc;

type Ballot = u8;
type NodeNumber = usize;
/// The name of a node that goes on under another one, or is no more.
const FORMER: NodeNumber = NodeNumber::MAX;

/// The rules of the protocol; all hold in the code.
#[derive(Clone, Copy)]
struct Rules {
    /// `append` and `refuse` compare the epoch.
    epoch: bool,
    /// They compare the size.
    size: bool,
    /// The inbox has an entry once.
    inbox_unique: bool,
    /// A node that does not know whether its append was committed goes on only with a new epoch.
    new_epoch_after_doubt: bool,
    /// The same when it does not know whether its refusals were noted.
    new_epoch_after_doubtful_refusal: bool,
    /// Who was granted a lease sequences only if the log that it then reads stands where it stood at the grant.
    claim_compared: bool,
}

const ALL: Rules = Rules {
    epoch: true,
    size: true,
    inbox_unique: true,
    new_epoch_after_doubt: true,
    new_epoch_after_doubtful_refusal: true,
    claim_compared: true,
};

/// How much is explored.
#[derive(Clone, Copy)]
struct Bounds {
    nodes: usize,
    ballots: Ballot,
    epochs: u8,
    crashes: u8,
    /// Questions under way at the same time.
    questions: usize,
}

/// A log's size and epoch.
type Position = (u8, u8);

#[derive(Clone, PartialEq, Eq, Hash)]
struct Database {
    epoch: u8,
    size: u8,
    /// Rows, with their index: nothing here forbids an index twice.
    leaves: Vec<(u8, Ballot)>,
    /// Whose lease has not run out.
    holder: Option<NodeNumber>,
    inbox: Vec<Ballot>,
}

impl Database {
    fn log(&self) -> Vec<Ballot> {
        self.leaves.iter().map(|&(_, ballot)| ballot).collect()
    }
}

/// What a node asks of the database and waits for. Offers are not here: their repetition does nothing new.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Ask {
    Lease { name: NodeNumber },
    Append { expected: Position, ballots: Vec<Ballot> },
    Refuse { expected: Position, ballot: Ballot },
}

/// What it answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Answer {
    Held(Position),
    Other,
    Done,
    Conflict,
}

/// A question on its way to the database.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Question {
    /// Who still waits for the answer.
    answer_to: Option<NodeNumber>,
    ask: Ask,
    arrived_once: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Default)]
struct Node {
    log: Vec<Ballot>,
    /// The epoch in which it believes to sequence.
    leads: Option<u8>,
    /// What it asked and does not know the answer to.
    under_way: Option<Ask>,
    /// The answer, once it is there.
    answer: Option<Answer>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct World {
    database: Database,
    nodes: Vec<Node>,
    network: Vec<Question>,
    crashes: u8,
    /// What voters were told: a receipt with this index.
    acknowledged: BTreeSet<(Ballot, u8)>,
    /// What voters were told: refused.
    refused: BTreeSet<Ballot>,
    /// Signed checkpoints that anybody saw, by size.
    served: BTreeMap<usize, BTreeSet<Vec<Ballot>>>,
}

impl World {
    fn new(bounds: Bounds) -> Self {
        let database = Database { epoch: 0, size: 0, leaves: vec![], holder: None, inbox: vec![] };
        Self {
            database,
            nodes: vec![Node::default(); bounds.nodes],
            network: vec![],
            crashes: 0,
            acknowledged: BTreeSet::new(),
            refused: BTreeSet::new(),
            served: BTreeMap::new(),
        }
    }

    fn violation(&self) -> Option<&'static str> {
        let leaves = &self.database.leaves;
        let indexes: BTreeSet<_> = leaves.iter().map(|(index, _)| index).collect();
        let ballots: BTreeSet<_> = leaves.iter().map(|(_, ballot)| *ballot).collect();
        if indexes.len() != leaves.len() {
            return Some("an index twice");
        }
        if ballots.len() != leaves.len() {
            return Some("a ballot twice");
        }
        if self.served.values().any(|logs| logs.len() > 1) {
            return Some("two checkpoints of one size");
        }
        if self.acknowledged.iter().any(|(ballot, index)| !leaves.contains(&(*index, *ballot))) {
            return Some("an acknowledged ballot is lost");
        }
        if self.refused.iter().any(|ballot| ballots.contains(ballot)) {
            return Some("a refused ballot is in the log");
        }
        None
    }

    /// A node knows this log to be committed: it serves the checkpoint and gives receipts.
    fn publish(&mut self, log: &[Ballot]) {
        self.served.entry(log.len()).or_default().insert(log.to_vec());
        self.acknowledged.extend(log.iter().zip(0..).map(|(&ballot, index)| (ballot, index)));
    }

    fn compare(&self, rules: Rules, (size, epoch): Position) -> bool {
        (!rules.size || size == self.database.size) && (!rules.epoch || epoch == self.database.epoch)
    }

    /// All that can happen next.
    fn next(&self, rules: Rules, bounds: Bounds) -> Vec<Self> {
        let mut worlds = vec![];
        let mut step = |act: &dyn Fn(&mut Self)| {
            let mut world = self.clone();
            act(&mut world);
            // Their order in the network means nothing.
            world.network.sort_unstable();
            worlds.push(world);
        };
        if self.database.holder.is_some() {
            step(&Self::release);
        }
        for question in 0..self.network.len() {
            step(&|world| drop(world.network.remove(question)));
            step(&|world| world.arrive(rules, bounds, question, true));
            if !self.network[question].arrived_once {
                step(&|world| world.arrive(rules, bounds, question, false));
            }
        }
        let may_ask = self.network.len() < bounds.questions;
        for (n, node) in self.nodes.iter().enumerate() {
            if self.crashes < bounds.crashes {
                step(&|world| world.crash(n));
            }
            if node.under_way.is_some() {
                step(&|world| world.doubt(rules, n));
                if node.answer.is_some() {
                    step(&|world| world.answered(rules, n));
                }
                continue;
            }
            // Also to renew it; while it is held that does nothing.
            if may_ask && self.database.holder.is_none() && self.database.epoch < bounds.epochs {
                step(&|world| world.ask(n, Ask::Lease { name: n }));
            }
            let Some(epoch) = node.leads else {
                step(&|world| world.catch_up(n));
                for ballot in (0..bounds.ballots).filter(|&ballot| self.may_offer(rules, ballot)) {
                    step(&|world| world.database.inbox.push(ballot));
                }
                continue;
            };
            if !may_ask {
                continue;
            }
            let expected = (u8::try_from(node.log.len()).unwrap(), epoch);
            let fresh = |ballot: &Ballot| !node.log.contains(ballot) && !self.refused.contains(ballot);
            for ballot in (0..bounds.ballots).filter(fresh) {
                step(&|world| world.ask(n, Ask::Append { expected, ballots: vec![ballot] }));
            }
            let waiting: Vec<Ballot> = self.database.inbox.iter().copied().filter(fresh).take(2).collect();
            if !waiting.is_empty() {
                step(&|world| world.ask(n, Ask::Append { expected, ballots: waiting.clone() }));
                step(&|world| world.ask(n, Ask::Refuse { expected, ballot: waiting[0] }));
            }
        }
        worlds
    }

    fn may_offer(&self, rules: Rules, ballot: Ballot) -> bool {
        let copies = self.database.inbox.iter().filter(|&&other| other == ballot).count();
        let most = if rules.inbox_unique { 1 } else { 2 };
        copies < most && !self.database.log().contains(&ballot) && !self.refused.contains(&ballot)
    }

    /// The lease runs out, or its holder's release arrives, late or at once: at any moment.
    fn release(&mut self) {
        self.database.holder = None;
    }

    fn catch_up(&mut self, n: NodeNumber) {
        self.nodes[n].log = self.database.log();
        let log = self.nodes[n].log.clone();
        self.publish(&log);
    }

    fn ask(&mut self, n: NodeNumber, ask: Ask) {
        self.nodes[n].under_way = Some(ask.clone());
        self.network.push(Question { answer_to: Some(n), ask, arrived_once: false });
    }

    /// A question arrives, perhaps not for the last time.
    fn arrive(&mut self, rules: Rules, bounds: Bounds, question: usize, last: bool) {
        let Question { answer_to, ask, .. } = self.network[question].clone();
        if last {
            self.network.remove(question);
        } else {
            self.network[question].arrived_once = true;
            self.network[question].answer_to = None;
        }
        let answer = match ask {
            Ask::Lease { name } => self.lease(bounds, name),
            Ask::Append { expected, ballots } => self.append(rules, expected, &ballots),
            Ask::Refuse { expected, ballot } => self.refuse(rules, expected, ballot),
        };
        if let Some(n) = answer_to {
            self.nodes[n].answer = Some(answer);
        }
    }

    fn lease(&mut self, bounds: Bounds, name: NodeNumber) -> Answer {
        match self.database.holder {
            Some(holder) if holder == name => {}
            None if self.database.epoch < bounds.epochs => {
                self.database.epoch += 1;
                self.database.holder = Some(name);
            }
            _ => return Answer::Other,
        }
        Answer::Held((self.database.size, self.database.epoch))
    }

    fn append(&mut self, rules: Rules, expected: Position, ballots: &[Ballot]) -> Answer {
        if !self.compare(rules, expected) {
            return Answer::Conflict;
        }
        self.database.inbox.retain(|ballot| !ballots.contains(ballot));
        self.database.leaves.extend((expected.0..).zip(ballots.iter().copied()));
        self.database.size = expected.0 + u8::try_from(ballots.len()).unwrap();
        Answer::Done
    }

    /// Whoever waits for the entry reads there why it was refused.
    fn refuse(&mut self, rules: Rules, expected: Position, ballot: Ballot) -> Answer {
        if !self.compare(rules, expected) {
            return Answer::Conflict;
        }
        if self.database.inbox.contains(&ballot) {
            self.database.inbox.retain(|&waiting| waiting != ballot);
            self.refused.insert(ballot);
        }
        Answer::Done
    }

    fn answered(&mut self, rules: Rules, n: NodeNumber) {
        let (asked, answer) = (self.nodes[n].under_way.take().unwrap(), self.nodes[n].answer.take().unwrap());
        match (asked, answer) {
            (Ask::Append { ballots, .. }, Answer::Done) => {
                self.nodes[n].log.extend(ballots);
                let log = self.nodes[n].log.clone();
                self.publish(&log);
            }
            (_, Answer::Done) => {}
            (_, Answer::Held(granted)) => self.granted(rules, n, granted),
            // Another node may hold it; a fenced node follows.
            (_, Answer::Other | Answer::Conflict) => self.nodes[n].leads = None,
        }
    }

    /// `claim`, or `keep_lease` of a node that sequences.
    fn granted(&mut self, rules: Rules, n: NodeNumber, granted: Position) {
        if let Some(epoch) = self.nodes[n].leads {
            let here = (u8::try_from(self.nodes[n].log.len()).unwrap(), epoch);
            self.nodes[n].leads = self.nodes[n].leads.filter(|_| here == granted);
            return;
        }
        self.catch_up(n);
        let found = (self.database.size, self.database.epoch);
        self.nodes[n].leads = Some(found.1).filter(|_| !rules.claim_compared || found == granted);
    }

    fn stop_waiting(&mut self, n: NodeNumber) {
        let waits = |question: &&mut Question| question.answer_to == Some(n);
        self.network.iter_mut().filter(waits).for_each(|question| question.answer_to = None);
        (self.nodes[n].under_way, self.nodes[n].answer) = (None, None);
    }

    /// The database takes it for another node from now on; its lease is nobody's.
    fn rename(&mut self, n: NodeNumber) {
        for question in &mut self.network {
            if question.ask == (Ask::Lease { name: n }) {
                question.ask = Ask::Lease { name: FORMER };
            }
        }
        if self.database.holder == Some(n) {
            self.database.holder = Some(FORMER);
        }
    }

    /// No answer came, or an error: what was done only the database knows.
    fn doubt(&mut self, rules: Rules, n: NodeNumber) {
        let new_epoch = match self.nodes[n].under_way {
            Some(Ask::Append { .. }) => rules.new_epoch_after_doubt,
            Some(Ask::Refuse { .. }) => rules.new_epoch_after_doubtful_refusal,
            Some(Ask::Lease { .. }) | None => false,
        };
        let was_append = matches!(self.nodes[n].under_way, Some(Ask::Append { .. }));
        self.stop_waiting(n);
        if new_epoch {
            self.break_down(n);
        } else if was_append {
            self.catch_up(n);
        }
    }

    fn break_down(&mut self, n: NodeNumber) {
        self.nodes[n].leads = None;
        self.rename(n);
        self.catch_up(n);
    }

    fn crash(&mut self, n: NodeNumber) {
        self.crashes += 1;
        self.stop_waiting(n);
        self.nodes[n] = Node::default();
        self.rename(n);
    }
}

/// Breadth first: the number of states, or the first violation.
fn explore(rules: Rules, bounds: Bounds) -> Result<usize, &'static str> {
    let first = Rc::new(World::new(bounds));
    let (mut seen, mut queue) = (HashSet::from([Rc::clone(&first)]), VecDeque::from([first]));
    while let Some(world) = queue.pop_front() {
        for next in world.next(rules, bounds) {
            if let Some(violation) = next.violation() {
                return Err(violation);
            }
            let next = Rc::new(next);
            if seen.insert(Rc::clone(&next)) {
                queue.push_back(next);
            }
        }
    }
    Ok(seen.len())
}

/// Large enough for every violation that a missing rule leads to.
const TWO: Bounds = Bounds { nodes: 2, ballots: 2, epochs: 2, crashes: 0, questions: 2 };

/// More questions at once in soak: half a million states.
fn explore_safely(bounds: Bounds) {
    let soak = std::env::var("VERITALLY_SOAK").is_ok_and(|soak| soak == "1");
    let states = explore(ALL, if soak { Bounds { questions: 2, ..bounds } } else { bounds }).unwrap();
    println!("{states} states");
    assert!(states > 1_000, "{states}");
}

#[test]
fn two_nodes_lose_nothing_double_nothing_and_fork_nothing() {
    explore_safely(Bounds { crashes: 1, questions: 1, ..TWO });
}

#[test]
fn two_nodes_lose_nothing_while_two_questions_are_under_way() {
    explore_safely(Bounds { crashes: 1, ballots: 1, ..TWO });
}

#[test]
fn three_nodes_lose_nothing_double_nothing_and_fork_nothing() {
    explore_safely(Bounds { nodes: 3, ballots: 1, crashes: 1, questions: 1, ..TWO });
}

#[test]
fn without_the_epoch_a_sleepers_late_append_contradicts_a_refusal() {
    assert_eq!(explore(Rules { epoch: false, ..ALL }, TWO), Err("a refused ballot is in the log"));
}

#[test]
fn without_the_size_an_append_that_arrives_twice_gives_an_index_twice() {
    assert_eq!(explore(Rules { size: false, ..ALL }, TWO), Err("an index twice"));
}

#[test]
fn without_uniqueness_a_ballot_sent_through_two_nodes_is_there_twice() {
    assert_eq!(explore(Rules { inbox_unique: false, ..ALL }, TWO), Err("a ballot twice"));
}

#[test]
fn with_the_old_epoch_after_an_unknown_outcome_a_late_append_contradicts_a_refusal() {
    let rules = Rules { new_epoch_after_doubt: false, ..ALL };
    assert_eq!(explore(rules, TWO), Err("a refused ballot is in the log"));
}

#[test]
fn with_the_old_epoch_after_a_refusal_without_an_answer_it_contradicts_a_later_append() {
    let rules = Rules { new_epoch_after_doubtful_refusal: false, ..ALL };
    assert_eq!(explore(rules, TWO), Err("a refused ballot is in the log"));
}

#[test]
fn without_a_look_at_what_was_granted_two_nodes_share_an_epoch_and_contradict_each_other() {
    assert_eq!(explore(Rules { claim_compared: false, ..ALL }, TWO), Err("a refused ballot is in the log"));
}
