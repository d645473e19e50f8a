"""Operations on a registry: publish, list, promote, roll back. None of it is deployed."""
