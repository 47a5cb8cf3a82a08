/** English words that say how something is asked rather than what about. Only questions lose them; the index keeps every word. */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  (
    'a about again all also am an and any anybody anyone anything are aren arent as at be because been being but by can ' +
    'cannot cant could couldnt did didnt do does doesnt doing dont each either else ever every explain find for from get ' +
    'gets getting give given gives go goes got had happen happens has hasnt have having he help her here his how i id if ' +
    'im in into is isnt it its ive just know let lets like long look made make makes making many may me mean means might ' +
    'more most much must my need needs no not now of on one or other our out please possible put shall she should ' +
    'show so some somebody someone something such take tell than thanks that thats the their them then there these they ' +
    'thing things this those to too under up us very want wants was way ways we were what whats when where whether which ' +
    'while who whom whose why will with without wont would yes yet you your'
  ).split(' '),
);

/** Everyday words that colour a question but seldom name its subject: they count less, however rare they are in the documents. */
export const EVERYDAY_WORDS: ReadonlySet<string> = new Set(
  (
    'able above according across actually after against ago alone along already although always among amount another appear ' +
    'apart around ask asked asks away back bad bring because become before behind below best better between big bit both ' +
    'call called came care case certain come comes correct correctly currently day different directly done down during early ' +
    'easily easy enough especially even exactly exist exists expect far fast few first following full further good great ' +
    'hand hard help helps high idea instead itself keep keeps kind know last late later least leave less little live lot low main ' +
    'manner matter near nearly never new nice normal normally nothing often ok old once only order ordinary otherwise outside ' +
    'own part particular people person place plain play point prefer properly quick quickly quite rather real really reason ' +
    'right same say says second see seem seems sense several short side similar simple simply since small soon special ' +
    'specific still straight sure talk third though thought through time times together tried true try trying turn twice two ' +
    'understand until upon use used useful user uses using usual usually various well went whatever word words work working ' +
    'works world worth wrong year yourself'
  ).split(' '),
);
