"""The references that the paragraph of methods cites."""

from __future__ import annotations

from collections.abc import Mapping

REFERENCES: Mapping[str, str] = {
    "hog": "N. Dalal and B. Triggs. Histograms of oriented gradients for human detection. "
    "CVPR, 2005.",
    "dlib": "D. E. King. Dlib-ml: A machine learning toolkit. Journal of Machine Learning "
    "Research 10, 2009.",
    "landmarks": "V. Kazemi and J. Sullivan. One millisecond face alignment with an ensemble of "
    "regression trees. CVPR, 2014.",
    "300w": "C. Sagonas, G. Tzimiropoulos, S. Zafeiriou and M. Pantic. 300 faces in-the-wild "
    "challenge: The first facial landmark localization challenge. ICCV Workshops, 2013.",
    "umeyama": "S. Umeyama. Least-squares estimation of transformation parameters between two "
    "point patterns. IEEE TPAMI 13(4), 1991.",
    "lucas": "B. D. Lucas and T. Kanade. An iterative image registration technique with an "
    "application to stereo vision. IJCAI, 1981.",
    "baker": "S. Baker and I. Matthews. Lucas-Kanade 20 years on: A unifying framework. "
    "International Journal of Computer Vision 56(3), 2004.",
    "lbp": "S.-T. Liong, J. See, K. Wong, A. C. Le Ngo, Y.-H. Oh and R. C.-W. Phan. Automatic apex "
    "frame spotting in micro-expression database. ACPR, 2015.",
    "gao": "H.-Y. Gao and A. G. Bruce. WaveShrink with firm shrinkage. Statistica Sinica 7(4), "
    "1997.",
    "torre": "V. Torre and T. A. Poggio. On edge detection. IEEE TPAMI 8(2), 1986.",
    "tvl1": "C. Zach, T. Pock and H. Bischof. A duality based approach for realtime TV-L1 optical "
    "flow. DAGM, 2007.",
    "tvl1-ipol": "J. Sánchez, E. Meinhardt-Llopis and G. Facciolo. TV-L1 optical flow estimation. "
    "Image Processing On Line 3, 2013.",
    "strain": "M. Shreve, S. Godavarthy, D. Goldgof and S. Sarkar. Macro- and micro-expression "
    "spotting in long videos using spatio-temporal strain. FG, 2011.",
    "ststnet": "S.-T. Liong, Y. S. Gan, J. See, H.-Q. Khor and Y.-C. Huang. Shallow triple stream "
    "three-dimensional CNN (STSTNet) for micro-expression recognition. FG, 2019.",
    "spp": "Lim, Stofa, Koo and Zulkifley. Micro expression recognition: Multi-scale approach to "
    "automatic emotion recognition by using spatial pyramid pooling module. International Journal "
    "of Advanced Computer Science and Applications 12(12), 2021.",
    "off-apexnet": "Y. S. Gan, S.-T. Liong, W.-C. Yau, Y.-C. Huang and L.-K. Tan. OFF-ApexNet on "
    "micro-expression recognition system. Signal Processing: Image Communication 74, 2019.",
    "hoof": "R. Chaudhry, A. Ravichandran, G. Hager and R. Vidal. Histograms of oriented optical "
    "flow and Binet-Cauchy kernels on nonlinear dynamical systems for the recognition of human "
    "actions. CVPR, 2009.",
    "mdmo": "Y.-J. Liu, J.-K. Zhang, W.-J. Yan, S.-J. Wang, G. Zhao and X. Fu. A main directional "
    "mean optical flow feature for spontaneous micro-expression recognition. IEEE Transactions on "
    "Affective Computing 7(4), 2016.",
    "megc2019": "J. See, M. H. Yap, J. Li, X. Hong and S.-J. Wang. MEGC 2019: The second facial "
    "micro-expressions grand challenge. FG, 2019.",
    "casme2": "W.-J. Yan, X. Li, S.-J. Wang, G. Zhao, Y.-J. Liu, Y.-H. Chen and X. Fu. CASME II: "
    "An improved spontaneous micro-expression database and the baseline evaluation. PLoS ONE 9(1), "
    "2014.",
    "samm": "A. K. Davison, C. Lansley, N. Costen, K. Tan and M. H. Yap. SAMM: A spontaneous "
    "micro-facial movement dataset. IEEE Transactions on Affective Computing 9(1), 2018.",
    "smic": "X. Li, T. Pfister, X. Huang, G. Zhao and M. Pietikäinen. A spontaneous "
    "micro-expression database: Inducement, collection and baseline. FG, 2013.",
}
