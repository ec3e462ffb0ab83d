//! What is asked with the mistakes that people make. They are made on the letters of the written name: none asks the
//! rules that are measured, though the table of spellings knows of the same sounds.

use estafette_actors::domain::birth::BirthDate;

use crate::people::{Chance, Written};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mistake {
    None,
    Accents,
    Particles,
    Spelling,
    Typing,
    TypingTwice,
    GivenTyping,
    GivenShort,
    Swapped,
    DayAndMonth,
    OneDigit,
    YearOff,
    SpellingAndDate,
}

pub const MISTAKES: [Mistake; 13] = [
    Mistake::None,
    Mistake::Accents,
    Mistake::Particles,
    Mistake::Spelling,
    Mistake::Typing,
    Mistake::TypingTwice,
    Mistake::GivenTyping,
    Mistake::GivenShort,
    Mistake::Swapped,
    Mistake::DayAndMonth,
    Mistake::OneDigit,
    Mistake::YearOff,
    Mistake::SpellingAndDate,
];

/// A question, and what it would be without the mistake.
pub struct Question {
    pub mistake: Mistake,
    pub asked: Written,
    pub meant: Written,
    /// The place among the people of who is meant.
    pub target: usize,
}

/// So many questions of each mistake.
pub fn questions(people: &[Written], each: usize, seed: u64) -> Vec<Question> {
    let mut chance = Chance::new(seed);
    let mut questions = Vec::new();
    for mistake in MISTAKES {
        let mut made = 0;
        while made < each {
            let target = chance.below(people.len());
            let mut meant = people[target].clone();
            // Names alone are asked too, and a surname with a date.
            let of_date = matches!(
                mistake,
                Mistake::DayAndMonth | Mistake::OneDigit | Mistake::YearOff | Mistake::SpellingAndDate
            );
            let of_given = matches!(mistake, Mistake::GivenTyping | Mistake::GivenShort | Mistake::Swapped);
            match chance.below(10) {
                0 | 1 if !of_date => meant.birth = None,
                2 | 3 if !of_given => meant.given = String::new(),
                _ => {}
            }
            let mut asked = meant.clone();
            if !meant.given.is_empty() && chance.percent(60) {
                // Most give one name only.
                asked.given.truncate(meant.given.find(' ').unwrap_or(meant.given.len()));
            }
            let before = asked.clone();
            if make(mistake, &mut asked, &mut chance) && (mistake == Mistake::None || asked != before) {
                questions.push(Question { mistake, asked, meant, target });
                made += 1;
            }
        }
    }
    questions
}

fn make(mistake: Mistake, asked: &mut Written, chance: &mut Chance) -> bool {
    match mistake {
        Mistake::None => true,
        Mistake::Accents => {
            asked.surname = without_accents(&asked.surname);
            asked.given = without_accents(&asked.given);
            true
        }
        Mistake::Particles => particles(&mut asked.surname, chance),
        Mistake::Spelling => spelling(&mut asked.surname, chance),
        Mistake::Typing => typing(&mut asked.surname, chance),
        Mistake::TypingTwice => typing(&mut asked.surname, chance) && typing(&mut asked.surname, chance),
        Mistake::GivenTyping => typing(&mut asked.given, chance),
        Mistake::GivenShort => shorten(&mut asked.given, chance),
        Mistake::Swapped => {
            std::mem::swap(&mut asked.surname, &mut asked.given);
            true
        }
        Mistake::DayAndMonth | Mistake::OneDigit | Mistake::YearOff => date(mistake, asked, chance),
        Mistake::SpellingAndDate => {
            let slip = *chance.of(&[Mistake::DayAndMonth, Mistake::OneDigit, Mistake::YearOff]);
            spelling(&mut asked.surname, chance) && date(slip, asked, chance)
        }
    }
}

fn without_accents(name: &str) -> String {
    let plain = [
        ("é", "e"),
        ("è", "e"),
        ("ê", "e"),
        ("ë", "e"),
        ("ï", "i"),
        ("î", "i"),
        ("ô", "o"),
        ("ç", "c"),
        ("ü", "u"),
        ("ö", "o"),
        ("ä", "a"),
        ("ş", "s"),
        ("ğ", "g"),
        ("ı", "i"),
        ("ł", "l"),
        ("ń", "n"),
        ("ś", "s"),
        ("ó", "o"),
        ("ź", "z"),
        ("ą", "a"),
        ("Ş", "S"),
        ("Ç", "C"),
        ("Ö", "O"),
        ("Ü", "U"),
        ("É", "E"),
        ("ñ", "n"),
        ("á", "a"),
        ("í", "i"),
        ("ë", "e"),
    ];
    plain.iter().fold(name.to_owned(), |name, (accent, letter)| name.replace(accent, letter))
}

fn particles(name: &mut String, chance: &mut Chance) -> bool {
    if name.contains('-') {
        *name = name.replace('-', " ");
        return true;
    }
    let lower = name.to_lowercase();
    if let Some(at) = name.rfind([' ', '\'']) {
        let (particle, core) = (&name[..at], &name[at + 1..]);
        *name = match chance.below(5) {
            0 => core.to_owned(),
            1 => format!("{} {core}", particle.replace(' ', "")),
            2 => format!("{core} {particle}"),
            _ => name.replace([' ', '\''], ""),
        };
        return true;
    }
    for particle in ["vanden", "vander", "vande", "van", "de", "du", "el", "ben", "le"] {
        if let Some(core) = lower.strip_prefix(particle).filter(|core| core.len() >= 4) {
            *name = format!("{particle} {core}");
            return true;
        }
    }
    false
}

/// Ways to write one sound, as names are seen written: any of a row may stand for another.
const SPELLINGS: [&[&str]; 40] = [
    &["ij", "y", "ei", "ey"],
    &["ck", "k", "c"],
    &["ae", "aa", "a"],
    &["oe", "ou", "u"],
    &["gh", "g"],
    &["ch", "g"],
    &["sch", "s", "sh"],
    &["eau", "au", "o"],
    &["ph", "f"],
    &["th", "t"],
    &["dt", "t", "d"],
    &["tt", "t"],
    &["ss", "s"],
    &["s", "z"],
    &["v", "f"],
    &["w", "v"],
    &["ckx", "cks", "x", "ks"],
    &["ie", "i"],
    &["ee", "e"],
    &["oo", "o"],
    &["ui", "uy"],
    &["ue", "u"],
    &["qu", "k", "c"],
    &["y", "i"],
    &["ch", "sh"],
    &["kh", "k"],
    &["dj", "j"],
    &["ll", "l"],
    &["nn", "n"],
    &["mm", "m"],
    &["pp", "p"],
    &["rr", "r"],
    &["ff", "f"],
    &["auw", "ouw", "ow"],
    &["eu", "ue"],
    &["ai", "ay"],
    &["tz", "ts"],
    &["cz", "ch"],
    &["j", "y"],
    &["en", "an"],
];
/// Endings that come and go.
const ENDINGS: [(&str, &str); 16] = [
    ("s", ""),
    ("", "s"),
    ("t", ""),
    ("d", "t"),
    ("t", "d"),
    ("e", ""),
    ("", "e"),
    ("x", ""),
    ("dt", "t"),
    ("t", "dt"),
    ("ns", "n"),
    ("rt", "r"),
    ("eaux", "eau"),
    ("aux", "aud"),
    ("aux", "eau"),
    ("o", "eaux"),
];

fn spelling(name: &mut String, chance: &mut Chance) -> bool {
    let lower = name.to_lowercase();
    let mut changes = Vec::new();
    for row in SPELLINGS {
        for from in row {
            for (at, _) in lower.match_indices(from) {
                for to in row.iter().filter(|to| *to != from) {
                    changes.push((at, from.len(), *to));
                }
            }
        }
    }
    for (from, to) in ENDINGS {
        if lower.ends_with(from) && lower.len() > 3 {
            changes.push((lower.len() - from.len(), from.len(), to));
        }
    }
    if changes.is_empty() || lower.len() != name.len() {
        return false;
    }
    let (at, len, to) = *chance.of(&changes);
    let mut changed = lower;
    changed.replace_range(at..at + len, to);
    *name = changed;
    true
}

/// One key too many, too few, beside the right one, or too early.
fn typing(name: &mut String, chance: &mut Chance) -> bool {
    let mut letters: Vec<char> = name.chars().collect();
    if letters.len() < 3 {
        return false;
    }
    let at = chance.below(letters.len());
    let letter = (b'a' + chance.below(26) as u8) as char;
    match chance.below(4) {
        0 => letters[at] = letter,
        1 => {
            letters.remove(at);
        }
        2 => letters.insert(at, letter),
        _ if at + 1 < letters.len() => letters.swap(at, at + 1),
        _ => return false,
    }
    *name = letters.into_iter().collect();
    true
}

fn shorten(given: &mut String, chance: &mut Chance) -> bool {
    let first: Vec<char> = given.split(' ').next().unwrap_or_default().chars().collect();
    let parts: Vec<String> = given.split([' ', '-']).map(str::to_owned).collect();
    *given = match chance.below(4) {
        0 => format!("{}.", first[0]),
        1 if parts.len() > 1 => {
            parts.iter().filter_map(|part| part.chars().next()).flat_map(|letter| [letter, '.']).collect()
        }
        2 if parts.len() > 1 => parts[1].clone(),
        _ if first.len() > 4 => first[..3 + chance.below(first.len() - 3)].iter().collect(),
        _ => return false,
    };
    true
}

fn date(mistake: Mistake, asked: &mut Written, chance: &mut Chance) -> bool {
    let Some(birth) = asked.birth else { return false };
    let (year, month, day) = (birth.year(), birth.month().unwrap_or(0), birth.day().unwrap_or(0));
    let changed = match mistake {
        Mistake::DayAndMonth => BirthDate::new(year, day, month),
        Mistake::YearOff => BirthDate::new(if chance.percent(50) { year - 1 } else { year + 1 }, month, day),
        _ => {
            let place = 10_u32.pow(chance.below(7) as u32);
            let number = birth.to_u32();
            BirthDate::from_u32(number - number / place % 10 * place + chance.below(10) as u32 * place)
        }
    };
    changed.is_ok_and(|changed| {
        asked.birth = Some(changed);
        changed != birth
    })
}
