[
  mode: :compile_time,
  generate: :all,
  bang: true,
  libraries: [
    :json,
    :math,
    :re,
    :pathlib,
    :collections,
    :sqlite3,
    :asyncio,
    :networkx,
    "sklearn.linear_model",
    "matplotlib.pyplot",
    numpy: [depth: 1, exclude: ["distutils", "f2py"]],
    pandas: [
      depth: 1,
      include: ~w(api.extensions api.indexers api.types api.typing io.json tseries.offsets),
      exclude: ~w(compat core util)
    ],
    "scipy.stats": [include: ~w(contingency mstats qmc sampling)],
    requests: [depth: 1],
    # Its classes extend each other so deeply that what is inherited would be three quarters of it.
    sympy: [inherited: false],
    pydantic: [include: ~w(alias_generators dataclasses fields functional_validators json_schema)]
  ]
]
