//! Parts from which Belgian-looking names are made: invented from general knowledge, of no real register.

/// Surnames as they stand, the most frequent first.
pub const SURNAMES: &str = "Peeters Janssens Maes Jacobs Mertens Willems Claes Goossens Wouters De_Smet Dubois Lambert Dupont \
Martin Simon Pauwels Leclercq Dumont Laurent Hermans Michiels Denis Desmet Martens Aerts Lemmens Van_Damme Van_den_Broeck \
Claeys Gérard François Renard Diallo Segers Thomas Coppens Smets Leroy De_Clercq Baert Hendrickx Petit Stevens Lambrechts \
Vermeulen Verhoeven Cools Bogaert Desmedt Wauters Bauwens Verbeke Smet Vandenberghe Desmet Vermeersch Mathieu Noël Evrard \
Bah Barry Christiaens Adam Lefèvre Lefebvre Dierckx Dierick Dierickx Yilmaz El_Amrani Nguyen Singh Collard Geerts Gielen \
Cornelis Fontaine Charlier Delvaux Marchal Moreau Legrand Bertrand Robert Pirotte Thiry Jansen Janssen Peters Pieters \
De_Meyer De_Backer De_Cock De_Pauw De_Vos De_Wilde De_Bruyn De_Ridder De_Winter De_Groote De_Jonghe De_Vries De_Wit De_Boeck \
De_Coninck De_Graeve De_Schepper De_Keyser De_Keersmaecker De_Waele D'Hondt D'Haene D'hooghe 't_Kint Van_'t_Hof Lauwers \
Thys Thijs Nys Nijs Luyten Luyckx Cuypers Kuypers Wuyts Huysmans Buyse Buysse Verhaegen Verhaeghe Verhelst Verstraete \
Verstraeten Vervoort Verlinden Verschueren Vercammen Vereecken Vets Smeets Swinnen Swennen Gijsels Gysels Bosmans Bos Bosch \
Brouwers Bruynseels Callens Carlier Casteels Ceulemans Coenen Cool Daems Dekeyser Deprez Devos Dhaene Dierinck Eeckhout \
Engelen Everaert Fierens Franssens Geens Geeraerts Ghijs Gilis Goethals Goris Gillis Haesendonck Heylen Heyvaert Heremans \
Hoste Houben Hellemans Jaspers Joris Kerkhofs Knockaert Lenaerts Leysen Lievens Loos Maas Maertens Meert Meeus Mees Meersman \
Meulemans Moens Mommens Moons Nelissen Neyens Nuyts Ooms Raes Ramaekers Reynders Roels Roelandt Rombouts Schepers Schoofs \
Schrijvers Sels Slegers Soetaert Somers Stas Stroobants Suykens Tack Theunis Theys Timmermans Torfs Truyens Uyttendaele \
Vaes Vanneste Vercauteren Verdonck Vrancken Vranckx Wellens Weyts Wynants Wynen Zwaenepoel Bastin Baudoux Berger Bodart \
Bodson Boulanger Bourgeois Brasseur Bruyère Cambier Chevalier Colin Colson Cordier Crahay Debroux Defays Degueldre Dejardin \
Delcroix Delhaye Delmotte Deltour Demaret Descamps Detournay Dethier Dispa Dujardin Dumortier Duquesne Durieux Duvivier \
Fabry Fastré Flamand Francotte Gaspard Gauthier Genot Georges Gilbert Gillain Gillard Gobert Godefroid Goffin Grégoire \
Grosjean Guillaume Hallet Hanquet Hardy Henrard Henry Herman Hubert Huart Jacquemin Jacquet Jadot Jamar Jeanmart Lacroix \
Lahaye Lallemand Lambot Lecomte Ledoux Lejeune Lemaire Lenoir Léonard Lepage Libert Louis Mahieu Maréchal Marlier Masson \
Michaux Michel Mignon Minet Monfort Navez Nicolas Noirhomme Olivier Paquet Parmentier Paulus Philippart Pierard Piette \
Pirard Piron Poncelet Poncin Rasquin Remacle Remy Roland Rousseau Sacré Schmitz Servais Simonis Stassart Taton Thibaut \
Thiry Thonon Tilman Toussaint Urbain Vanham Verviers Vincent Walravens Warnier Wathelet Wéry Wilmotte Xhonneux Zune \
Schmidt Müller Meyer Schröder Weber Klein Schumacher Heinen Hoffmann Krämer Lenz Pauels Reuter Schäfer Schneider Theissen \
Kowalski Nowak Wiśniewski Wójcik Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski Kozłowski Jankowski Mazur \
Krawczyk Piotrowski Grabowski Pawłowski Michalski Król Wróbel Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci \
Marino Greco Bruno Gallo Conti De_Luca Di_Stefano Di_Pietro Costa Giordano Mancini Rizzo Lombardi Moretti Barbieri Fontana \
Santoro Mariani Rinaldi Caruso Ferrara Galli Martini Leone Longo Gentile Vitale D'Angelo D'Amico La_Rocca Lo_Presti \
Kaya Demir Şahin Çelik Yıldız Yıldırım Öztürk Aydın Özdemir Arslan Doğan Kılıç Aslan Çetin Kara Koç Kurt Özkan Şimşek Polat \
Korkmaz Güneş Erdoğan Bulut Aktaş Turan Avcı Taş Ünal Özer Bozkurt Yavuz Karataş Güler Keskin \
El_Idrissi El_Khattabi El_Bakkali El_Ouali El_Haddad El_Kaddouri El_Mansouri Benali Ben_Ali Ben_Salah Bouzid Bouazza \
Bouchaib Amrani Bennani Alaoui Chaouki Chakir Haddou Haddad Hassani Idrissi Kaddouri Khalil Lahlou Mansouri Mokhtari \
Naciri Ouali Ouazzani Rachidi Saidi Tahiri Talbi Touil Zouhair Zaoui Ziani Ait_Ali Ait_Taleb Azzouzi Belkacem Boukhari \
Cherkaoui Daoudi Essaidi Filali Ghazi Hamdaoui Jabri Sow Camara Traoré Diop Keita Mbemba Kabongo Mukendi Tshibanda Ilunga \
Santos Silva Pereira Ferreira Da_Silva Dos_Santos Gonçalves García Fernández González Rodríguez López Pérez Nuñez Popescu \
Ionescu Popa Dumitru Stan Ivanov Petrov Tran Pham Chen Wang Khan Ahmed Ali Hussain Rahman Haxhiu Krasniqi Berisha";

/// Places and things behind Dutch particles.
pub const DUTCH_ROOTS: &str = "Broeck Berghe Berg Bosch Bossche Velde Driessche Meulen Eynde Eede Putte Linden Heyden Poorten Straeten Bergh \
Brande Broucke Abeele Elst Hove Hoof Kerckhove Kerkhof Wiele Wiele Steen Steene Weghe Weyden Walle Ginste Haute Bulcke Casteele \
Cruyssen Daele Dorpe Ecken Gucht Haegen Hende Hecke Hoeck Houte Keybus Keere Maele Mael Meersch Mieroop Moortel Mosselaer \
Neste Noot Oost Oever Plas Poel Rompaey Roy Ryckeghem Sande Schoor Sype Sypen Stappen Stock Veken Ven Vijver Vloet Voorde \
Vyver Wal Wouwer Wijngaert Wyngaert Zande Zype Looy Laer Laere Lancker Gestel Gorp Hees Hooydonck Acker Assche Aken Brussel \
Bever Camp Campenhout Cauwenberghe Cleemput Coillie Craen Dyck Dijck Eeckhaut Eetvelde Ewijk Genechten Goethem Hoecke \
Hoof Humbeeck Impe Langenhove Lier Loon Meerbeeck Nieuwenhove Overbeke Parys Peteghem Renterghem Steenbergen Themsche Wezemael";

/// Dutch particles as they are written.
pub const DUTCH_PARTICLES: &str = "Van Van_den Van_de Van_der Vanden Vande Vander Van_ Vanden_";

/// What French particles stand before.
pub const FRENCH_ROOTS: &str = "Bois Mont Pont Chêne Château Court Croix Fontaine Forge Fosse Grange Haye Marche Mare Motte Place Porte \
Prez Roche Rue Salle Tour Val Vaux Vigne Ville Moulin Puits Jardin Chemin Trieu Champ Clos Coster Cuvellerie Noyer Sart Thier \
Try Warte Ruelle Rivière Bruyère Cour Planche Neuville Hautmont Bry Noël Franc Roy Comte Maire Page Noir Blanc Brun Roux Grand \
Jeune Clerc Fort Gros Petit Sage Long Beau Duc Moine Loup";

/// French particles, apart and joined.
pub const FRENCH_PARTICLES: &str = "Du De_la De La_ Le_ Del Des Le Du_ Dela";

/// Given names from which Dutch surnames are made, and their endings.
pub const PATRONYMS: &str = "Jan Peet Pieter Will Wilm Hendri Mart Claes Jacob Joris Lambrecht Gille Goos Herm Leen Len Matth Michie \
Nelis Paul Reyn Roel Rom Sim Stev Thij Thom Wout Adriaen Andries Bert Cornel Dierck Engel Everaer Ferd Franck Geer Gerit Gijsbrecht \
Huyb Joost Lieve Luyck Maert Rut Segher Steff Tielem Wolf Aern Boud Coen Daniel Evers Filip Frederick Heyn Ingel Jasp Koen Laur \
Mees Nicol Olivier Quint Robb Sander Theun Urb Valck Wynand Ysebaer";
/// Endings of the former.
pub const PATRONYM_ENDINGS: &str = "s sen ssens ens mans kens aerts els en x ckx ers ts";

/// Stems of Walloon surnames, and their endings.
pub const WALLOON_STEMS: &str = "Coll Coll Bast Bert Bod Bouch Brass Card Charl Colin Corn Den Dup Fagn Ferr Fran Gaill Gill Gob Godin \
Gof Gros Guill Hans Henr Hub Jacqu Jad Jam Lamb Laur Leon Lib Louv Magn Mart Mass Math Mich Min Mor Noir Par Paqu Phil Pier Pir \
Ponc Quin Ram Ren Rob Rol Rouss Sal Serv Sim Stass Tass Thir Till Thom Trem Vinc Warn Wil Bour Cler Duch Evr Flam Grég Jol Marl";
/// Endings of the former.
pub const WALLOON_ENDINGS: &str = "on ot et ard eau in ier elle aux ette art aud oux iez ain ois ert y";

/// Stems and endings of German, Italian, Turkish and Moroccan surnames.
pub const GERMAN_STEMS: &str = "Acker Bach Berg Birn Brück Eich Feld Grün Haas Kauf Kirch Kling Kron Lang Linden Neu Ober Pfeif Rosen Schön \
Schwarz Stein Wald Weiss Wies Zimmer Hoch Nieder Schu Hof";
/// German endings.
pub const GERMAN_ENDINGS: &str = "mann er ing bach berg stein feld en ler ens";
/// Italian stems.
pub const ITALIAN_STEMS: &str = "Bell Bert Carl Cocc Fabr Ferr Gabr Giac Lor Luc March Mart Mass Mor Nard Pagan Pell Pasqu Ross Sant Serr Tog \
Vall Vecch Zan";
/// Italian endings.
pub const ITALIAN_ENDINGS: &str = "ini elli etti one ucci aro ani ella otti ese";
/// Turkish first parts.
pub const TURKISH_STEMS: &str = "Yıl Öz Kara Ak Demir Er Gün Kork Sarı Tan Tok Ulu Uçar Yeşil Boz Çak Dur Gök Şen Ay";
/// Turkish last parts.
pub const TURKISH_ENDINGS: &str = "maz türk kaya taş oğlu can dağ han soy bulut er çelik kan baş demir";
/// Moroccan first parts.
pub const MOROCCAN_PARTICLES: &str = "El_ Ben_ Ait_ Bou El Ben Al_ Ould_";
/// Moroccan roots.
pub const MOROCCAN_ROOTS: &str = "Amrani Khattabi Bakkali Haddad Ouali Mansouri Kaddouri Idrissi Hammouti Yaakoubi Morabit Moussaoui Jaouhari \
Ghali Omar Said Salah Youssef Brahim Hassan Hamid Tahar Larbi Maati Hajji Fassi Filali Asri Azzouzi Boudouh Kharraz Khalifi \
Mahdi Messaoudi Mokhtar Naji Ouardi Rhazi Sabri Soussi Taleb Yahyaoui Zaim Zerouali Chaabi Chergui Chrif Daoud Fahmi Guennoun";

/// What Dutch surnames that begin with Ver- go on with.
pub const VER_ROOTS: &str = "beke meulen haegen haeghe hulst straete straeten schueren cammen cruysse elst eecke gauwen hasselt heyden hoeven \
kerken linden maelen meersch meiren nimmen plancke poorten schaeren slype stappen steen velde wilghen bruggen brugghe donck dyck \
gucht hofstadt hoest leyen mander mote plaetse ryckt schoote sluys stichel vaet vliet weire zele";

/// Given names of men, the most frequent first.
pub const MEN: &str = "Jean Marc Patrick Luc Jan Michel Philippe Peter Thomas Nicolas Mohamed David Kevin Daniel Pierre Dirk Tom Eric Paul \
Frank Johan Kristof Bart Stéphane Alexandre Christophe Wim Koen Jozef Maxime Olivier Jonathan Louis Arthur Noah Lucas Adam Liam \
Jules Gabriel Mathis Nathan Hugo Victor Raphaël Léon François Willy André Guy Rudi Geert Yves Alain Bernard Christian Didier \
Dominique Étienne Frédéric Georges Gérard Guillaume Hendrik Henri Herman Hubert Jacques Jérôme Joris Jürgen Karel Laurent Lieven \
Maarten Marcel Mario Mathieu Maurice Mehdi Youssef Ahmed Ali Hamza Ibrahim Ismaël Karim Rachid Hassan Abdelkader Mustafa Mehmet \
Emre Murat Yusuf Can Kerem Antonio Giuseppe Giovanni Salvatore Marco Luca Fabio Vincenzo Piotr Paweł Krzysztof Tomasz Andrzej \
Günther Heinz Klaus Wolfgang Roland Romain Sébastien Simon Stijn Sven Thierry Tim Tristan Valentin Vincent Walter Werner Xavier \
Yannick Pieter Roel Ruben Sander Jens Jef Gilles Fabrice Cédric Benoît Benjamin Bilal Anthony Amine Aurélien Baptiste Bastien \
Bruno Carlo Charles Clément Corneel Dieter Dries Edouard Emiel Ferre Filip Florian Gauthier Gert Grégory Gunther Guido";
/// Given names of women, the most frequent first.
pub const WOMEN: &str = "Maria Marie Martine Nathalie Anne Rita Christine Nicole Monique Ann An Sarah Julie Laura Emma Louise Olivia Alice \
Mila Elena Camille Chloé Léa Juliette Charlotte Sofia Fatima Aïcha Khadija Samira Nadia Malika Naïma Yasmina Zeynep Elif Ayşe Fatma \
Emine Hatice Özlem Giulia Francesca Anna Rosa Angela Katarzyna Agnieszka Małgorzata Ewa Joanna Béatrice Brigitte Catherine Cécile \
Céline Chantal Claire Claudine Danielle Dominique Elisabeth Élise Els Emilie Eva Fabienne Florence Françoise Geneviève Godelieve \
Greet Hilde Ilse Ingrid Inge Isabelle Jacqueline Jeanne Jessica Joëlle Josiane Karin Katrien Kim Kristel Laurence Leen Lien Lieve \
Liesbeth Linda Lisa Lore Lotte Lucie Lutgarde Lydia Magali Manon Margaux Marianne Marleen Mathilde Melissa Mia Michèle Mieke Mireille \
Muriel Myriam Nele Nina Noor Nora Pascale Patricia Pauline Rachel Renée Sabine Sandra Sandrine Sara Simonne Sofie Sophie Stéphanie \
Sylvie Tess Tine Valérie Vanessa Véronique Viviane Yvette Yvonne Zoé Ürsula Griet Veerle Annelies Amélie Aurélie Audrey Caroline";
/// What is joined to Jean and Marie.
pub const DOUBLED: &str = "Pierre Paul Marie Luc Claude François Jacques Louis Michel Philippe Marc Christine Thérèse Claire Anne Rose \
Louise Hélène Baptiste Yves Noël Charles";

/// Pairs as they are seen in registers and telephone books, not made from the rules.
pub const ALIKE: &[(&str, &str)] = &[
    ("Peeters", "Pieters"),
    ("Peeters", "Peters"),
    ("Janssens", "Jansen"),
    ("Janssens", "Janssen"),
    ("Maes", "Maas"),
    ("Claes", "Klaas"),
    ("Claeys", "Claeijs"),
    ("Thys", "Thijs"),
    ("Nys", "Nijs"),
    ("De Clercq", "De Klerk"),
    ("De Clercq", "Declerck"),
    ("Leclercq", "Leclerc"),
    ("Dierckx", "Dirickx"),
    ("Dierckx", "Diericx"),
    ("Hendrickx", "Hendriks"),
    ("Hendrickx", "Hendrix"),
    ("Vranckx", "Vrancken"),
    ("Cuypers", "Kuijpers"),
    ("Cuypers", "Kuipers"),
    ("Huysmans", "Huijsmans"),
    ("Goossens", "Gosens"),
    ("Wouters", "Wauters"),
    ("Pauwels", "Pouwels"),
    ("Bauwens", "Bouwens"),
    ("Verhaeghe", "Verhaegen"),
    ("Verhaeghe", "Verhage"),
    ("Verstraete", "Verstraten"),
    ("Vermeersch", "Vermeers"),
    ("Bosch", "Bos"),
    ("De Smedt", "Desmet"),
    ("De Smedt", "De Smeth"),
    ("De Bruyn", "De Bruijn"),
    ("De Coninck", "De Koninck"),
    ("De Keyser", "De Keijzer"),
    ("De Wael", "Dewaele"),
    ("D'Hondt", "Dhont"),
    ("D'Haene", "Dhaene"),
    ("Van Dyck", "Van Dijk"),
    ("Van den Eynde", "Vandeneijnden"),
    ("Vandenberghe", "Van den Berg"),
    ("Van de Velde", "Vandevelde"),
    ("Van 't Hof", "Vanthof"),
    ("Dupont", "Dupond"),
    ("Dupont", "Dupon"),
    ("Lefèvre", "Lefebvre"),
    ("Thibaut", "Thibault"),
    ("Thibaut", "Thibeau"),
    ("Michaux", "Michaud"),
    ("Leroux", "Leroue"),
    ("Denis", "Denys"),
    ("Gillis", "Gilis"),
    ("Mathieu", "Matthieu"),
    ("Mahieu", "Mahieux"),
    ("Lambert", "Lamberts"),
    ("Bernard", "Bernaerts"),
    ("Philippe", "Filip"),
    ("Müller", "Mueller"),
    ("Schmidt", "Schmitt"),
    ("Schmitz", "Schmits"),
    ("Schäfer", "Schaefer"),
    ("Krämer", "Kremer"),
    ("Pfeiffer", "Pfeifer"),
    ("Meyer", "Meier"),
    ("Meyer", "Maier"),
    ("Hoffmann", "Hofman"),
    ("El Khattabi", "Elkatabi"),
    ("El Amrani", "Al Amrani"),
    ("Ben Ali", "Benali"),
    ("Chaouki", "Chawki"),
    ("Cherkaoui", "Sherkaoui"),
    ("Bouchaib", "Boushaib"),
    ("Djabri", "Jabri"),
    ("Şahin", "Chahin"),
    ("Şimşek", "Simsek"),
    ("Çelik", "Celik"),
    ("Yılmaz", "Yilmaz"),
    ("Öztürk", "Ozturk"),
    ("Szymański", "Schimanski"),
    ("Nowak", "Novak"),
    ("Kowalski", "Kovalsky"),
    ("Di Pietro", "Dipietro"),
    ("Rizzo", "Rizo"),
    ("Ricci", "Rici"),
    ("Dupont-Lambert", "Lambert"),
    ("Dupont-Lambert", "Dupond"),
];
