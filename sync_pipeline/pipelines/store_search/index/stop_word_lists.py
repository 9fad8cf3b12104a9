"""The default stop words of each language: short lists of articles, prepositions, pronouns and auxiliaries.

What belongs here: words that say nothing about what a shopper wants, in any shop. What does not: words that name goods
in some shop ("new", "set"), and negations, which change the wish ("not", "without"). A merchant's own list comes from
the store's settings. Keys are ISO 639-1 codes.
"""

from __future__ import annotations

STOP_WORDS: dict[str, str] = {
    "en": "a an and are as at be been but by for from had has have he her his i if in into is it its my of on or our "
    "she so such that the their them then there these they this those to was we were which who will with you "
    "your",
    "de": "aber als am an auch auf aus bei bin bis da das dass dem den der des die dies diese dieser dieses du ein "
    "eine einem einen einer eines er es für hat haben ich ihr im in ist mein mit nach oder sein sich sie sind "
    "so über um und uns von vom vor war was wie wir zu zum zur",
    "fr": "à au aux avec ce ces cette dans de des du elle en est et eux il ils je la le les leur leurs lui ma mais "
    "me mes mon notre nous on ou où par pour que qui sa se ses son sont sur ta te tes ton tu un une vos votre "
    "vous y",
    "es": "a al ante como con cual cuando de del desde donde el ella ellas ellos en entre era es esa ese esta este "
    "esto ha han la las le les lo los me mi mis nos o para pero por que se ser si sobre son su sus te tu un "
    "una uno unos y yo",
    "it": "a ad agli ai al alla alle anche c che chi ci come con da dagli dai dal dalla dalle dei del della delle di "
    "e è ed gli i il in io la le lei lo loro lui ma mi mio ne nei nel nella nelle noi o per se si sono su sua "
    "sue sul sulla suo ti tra tu un una uno vi voi",
    "nl": "aan als bij dan dat de deze die dit door een en er had heeft het hij hoe ik in is je kan maar me met mijn "
    "na naar of om ons onze ook op over te tot u uit uw van voor was wat we wij ze zich zij zijn zo zou",
    "pt": "a ao aos as às com como da das de dela dele do dos e é ela elas ele eles em entre era essa esse esta este "
    "eu foi há isso já lhe mas me meu minha na nas no nos nós o os ou para pela pelas pelo pelos por que se "
    "seu sua são te um uma você",
    "sv": "alla att av de dem den denna deras dess det detta dig din du där efter eller en er ett från för ha han "
    "har hon hur i jag kan med men mig min mot ni och om oss på sig sin som så till under upp ut var vi vid är "
    "över",
    "da": "af alle at blev da de dem den denne der deres det dette dig din du efter eller en er et for fra ham han "
    "har hende hun hvad hvor i jeg kan med men mig min mod når og også om op os over på sig sin som så til ud "
    "var vi ved",
    "no": "alle at av blir da de deg dem den denne der deres det dette di din du eller en er et etter for fra ha han "
    "har hun hva hvor i jeg kan med men meg min mot når og også om opp oss over på seg sin som så til ut var "
    "ved vi være",
    "fi": "eli en että he hän ja jos joka jotka jälkeen kanssa kuin kun me minä mitä mutta myös mukaan ne niin nyt "
    "olla oli on ovat se sen sekä sinä siitä tai te tämä vain vaan",
    "ro": "a acest această al ale am ar are au ca care ce cel cele cu cum da dar de din după e ea ei el este eu fi "
    "fie fost iar în la le lor lui mai mea meu ne noi o pe pentru prin sa sau se si și sunt să sub te tu un "
    "una unei unor unui va voi",
    "hu": "a abban ahhoz ahogy akkor amely ami az azt be de egy egyik el ez ezek ezt és fel hanem hogy is itt ki le "
    "lesz ma meg mert mi mint nagyon ő ők ott pedig s sem te ti úgy vagy van volt",
    "ru": "а бы был была были было в вам вас во вот все всё вы где да для до его ее её если есть же за и из или им "
    "их к как ко когда кто ли мне мы на над нас нашего него нее но о об он она они оно от по под при с со так "
    "то того тоже у уже что чтобы это этот эта эти я",
}
