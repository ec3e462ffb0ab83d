//! When a citizen asks by SMS for no more of them: the words for it in four languages.
//!
//! Invariant: somebody who writes such a word, alone or first in the message, is never sent to again by that sender; a
//! message that only mentions one ("the bus doesn't stop here") is not one. It must not look at anything but the text.
use super::language::Language;

/// The words, in capitals and without accents. STOP is everybody's.
const WORDS: [(&str, Language); 22] = [
    ("STOP", Language::En),
    ("ARRET", Language::Fr),
    ("ARRETER", Language::Fr),
    ("ARRETEZ", Language::Fr),
    ("DESABONNER", Language::Fr),
    ("DESINSCRIRE", Language::Fr),
    ("DESINSCRIPTION", Language::Fr),
    ("STOPP", Language::De),
    ("ABMELDEN", Language::De),
    ("ABBESTELLEN", Language::De),
    ("BEENDEN", Language::De),
    ("STOPPEN", Language::Nl),
    ("UITSCHRIJVEN", Language::Nl),
    ("AFMELDEN", Language::Nl),
    ("STOPZETTEN", Language::Nl),
    ("UNSUBSCRIBE", Language::En),
    ("STOPALL", Language::En),
    ("CANCEL", Language::En),
    ("QUIT", Language::En),
    ("END", Language::En),
    ("OPTOUT", Language::En),
    ("OPT-OUT", Language::En),
];
/// Words of a message that begins with one of [`WORDS`] and still asks for nothing else, at most: `STOP SMS svp`.
const WORDS_MAX: usize = 3;

/// Whether a message asks to stop, and in which language.
pub fn asked(text: &str) -> Option<Language> {
    let mut words =
        text.split(|c: char| c.is_whitespace() || ".,;:!?\"'()«»“”".contains(c)).filter(|word| !word.is_empty());
    let first: String = words.next()?.chars().filter_map(plain).take(20).collect();
    let (_, language) = WORDS.iter().find(|(word, _)| *word == first)?;
    (words.take(WORDS_MAX).count() < WORDS_MAX).then_some(*language)
}

/// A letter in capitals and without its accent; nothing for what can't be seen.
fn plain(letter: char) -> Option<char> {
    Some(match letter {
        'à' | 'â' | 'ä' | 'À' | 'Â' | 'Ä' => 'A',
        'é' | 'è' | 'ê' | 'ë' | 'É' | 'È' | 'Ê' | 'Ë' => 'E',
        'î' | 'ï' | 'Î' | 'Ï' => 'I',
        'ô' | 'ö' | 'Ô' | 'Ö' => 'O',
        'û' | 'ü' | 'Û' | 'Ü' => 'U',
        // Zero-width characters and combining accents, which some telephones write.
        '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{300}'..='\u{36f}' => return None,
        other => other.to_uppercase().next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn who_asks_to_stop_is_heard_in_each_language() {
        for (text, language) in [
            ("STOP", Language::En),
            (" stop. ", Language::En),
            ("Stop sms svp", Language::En),
            ("arrêt", Language::Fr),
            ("ARRET", Language::Fr),
            ("Arre\u{302}t", Language::Fr),
            ("Désabonner !", Language::Fr),
            ("Stopp", Language::De),
            ("abmelden", Language::De),
            ("uitschrijven aub", Language::Nl),
            ("Stopzetten", Language::Nl),
            ("unsubscribe", Language::En),
            ("\u{200b}STOP", Language::En),
            ("\"STOP\"", Language::En),
        ] {
            assert_eq!(asked(text), Some(language), "{text}");
        }
    }

    #[test]
    fn who_only_mentions_the_word_is_not() {
        for text in [
            "",
            "  ",
            "...",
            "Bonjour",
            "don't stop",
            "Stop is not what I want to say",
            "STOPPER",
            "ST OP",
            "END of the line is where",
        ] {
            assert_eq!(asked(text), None, "{text}");
        }
    }

    #[test]
    fn words_are_written_as_they_are_compared() {
        for (word, _) in WORDS {
            assert_eq!(word.chars().filter_map(plain).collect::<String>(), word);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}", word in 0..WORDS.len()) {
            let _ = asked(&text);
            let word = WORDS[word];
            prop_assert_eq!(asked(&word.0.to_lowercase()), Some(word.1));
        }
    }
}
