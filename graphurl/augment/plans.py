"""The views of the papers, by name."""

from __future__ import annotations

from dataclasses import replace

from graphurl.augment.policy import Plan, Policy

_MOCO = Policy(scale=(0.2, 1.0), flip=0.5, jitter=(0.4, 0.4, 0.4, 0.1), jitter_probability=0.8, gray=0.2, blur=0.5)
_SIMCLR = replace(_MOCO, scale=(0.08, 1.0), jitter=(0.8, 0.8, 0.8, 0.2))
_BYOL = replace(_SIMCLR, jitter=(0.4, 0.4, 0.2, 0.1))
_WEAK = Policy(shift=0.125, flip=0.5)
_STRONG = replace(_SIMCLR, solarise=0.2)

#: MoCo v2 without blur, as GenURL takes it for CIFAR.
CIFAR = Plan((replace(_MOCO, blur=0.0),))

#: MoCo v2 (Chen, Fan et al. 2020): crops of 20 to 100 % of the picture, moderate colours, blur on every second view.
MOCO_V2 = Plan((_MOCO,))

#: SimCLR (Chen, Kornblith et al. 2020, appendix A): crops from 8 %, colour strength 1, blur on every second view.
SIMCLR = Plan((_SIMCLR,))

#: SimCLR for CIFAR (appendix B.9): colour strength 1/2, no blur.
SIMCLR_CIFAR = Plan((replace(_SIMCLR, jitter=(0.4, 0.4, 0.4, 0.1), blur=0.0),))

#: BYOL (Grill et al. 2020, table 6): the first view is always blurred, the second seldom and sometimes solarised.
BYOL = Plan((replace(_BYOL, blur=1.0), replace(_BYOL, blur=0.1, solarise=0.2)))

#: Flips and shifts by up to an eighth of the side, as in FixMatch.
WEAK = Plan((_WEAK,))

#: A first view that hardly changes the picture and a second that changes all it can.
WEAK_STRONG = Plan((_WEAK, _STRONG))

#: The same with the crops and colours of `CIFAR`: what a teacher said of the picture holds for the first view, and a
#: method that compares views sees two that differ.
WEAK_CIFAR = Plan((_WEAK, *CIFAR.policies))

#: SimCLR's colours and crops, and solarisation.
STRONG = Plan((_STRONG,))

#: InfoMin (Tian et al. 2020) without its RandAugment step, which `extra=("RandAugment",)` adds: MoCo v2 with colour
#: strength 1.
INFOMIN = Plan((replace(_MOCO, jitter=(0.8, 0.8, 0.8, 0.2)),))

#: Gaussian noise and nothing else: the views whose distances are those of the pixels.
NOISE = Plan((Policy(noise=0.1),))

#: SwAV (Caron et al. 2020): two views of large crops and four of small ones at 96/224 of the side.
MULTI_CROP = Plan(
    (replace(_SIMCLR, scale=(0.14, 1.0)),),
    small=replace(_SIMCLR, scale=(0.05, 0.14)),
    small_views=4,
    small_share=96 / 224,
)

#: No randomness: the centre square, resized.
NONE = Plan((Policy(),))
