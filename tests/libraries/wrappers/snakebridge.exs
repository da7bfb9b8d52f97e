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
    :numpy,
    :pandas,
    "scipy.stats",
    "sklearn.linear_model",
    :requests,
    :sympy,
    :networkx,
    :pydantic,
    "matplotlib.pyplot"
  ]
]
